"""Queues, sessions, locks and time as plain objects: no sockets, no event loop, the clock handed in.

Times are Unix seconds as float. Every rule is the real service's as facts/service-bus-broker.md, sections 5 to 9, has it.
"""
