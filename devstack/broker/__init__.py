"""A local Service Bus broker for the unmodified `azure-servicebus` client: queues and sessions over AMQP 1.0, in memory.

    codec    AMQP 1.0 as pure functions on bytes
    model    queues, sessions, locks and time as plain objects; the clock is handed in
    front    connections, channels and links: what the client sees of the model
    control  the control plane over HTTP: queues, messages, faults, counts
    config   Config.json of Microsoft's emulator;  server  all of it as one object;  __main__  as a process

What it knows of the service is in facts/service-bus-broker.md. Where that leaves a choice, this broker has made it:

* A dead letter gets a new sequence number and keeps its enqueued time and its delivery count.
* Deferring counts as a delivery; releasing does not. A deferred message whose lock ends is deferred again.
* A message is not expired by its own time to live once it has been forwarded as a dead letter, else it would vanish there.
* A message that cannot be forwarded (no such queue, no session id) goes to the dead letters of the queue it was in.
* Of several available sessions the one whose message has waited longest is next.
* A link is detached 1.5 s after the lock of its session expired.
* A scheduled message is known to duplicate detection from when it was scheduled, cancelled or not.
* Tokens are verified when keys are configured; of a JWT only form and expiry can be.

Not there: topics, transactions, TLS, WebSockets, partitioning (the flag is ignored), persistence.
"""
