"""The bus on the wire: connections, channels (AMQP sessions) and links, as `azure-servicebus` expects them."""
