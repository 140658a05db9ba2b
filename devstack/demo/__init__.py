"""`python -m devstack demo`: one partner, 25 guests, from the request to the end, on the local stack."""

from devstack.demo.command import add_options, run

__all__ = ["add_options", "run"]
