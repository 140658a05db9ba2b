"""AMQP 1.0 as pure functions on bytes: types, frames, message sections.

Encoding is by AMQP type (`uint(5)`, `symbol("x")`), so that what goes on the wire is always chosen where it is written.
Decoding yields plain Python values; whoever must keep a value's AMQP type keeps its raw bytes.
Source: OASIS AMQP 1.0, parts 1 to 3 (docs.oasis-open.org/amqp/core/v1.0/os).
"""
