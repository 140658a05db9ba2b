"""How often a message was sent again because something was out of reach."""

import azure.functions as func


def retries(message: func.ServiceBusMessage) -> int:
    """The count in the message's application property `retry`; 0 where it says none, or nothing that can be one."""
    said = str((message.application_properties or {}).get("retry", ""))
    return int(said) if said.isdecimal() and len(said) < 6 else 0
