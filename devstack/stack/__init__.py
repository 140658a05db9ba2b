"""The whole local stack as processes: tables, broker, simulated tenant, and hosts of the function app, all on loopback."""

from devstack.stack.addresses import Addresses
from devstack.stack.errors import StackError
from devstack.stack.folder import AlreadyUpError, WorkFolder
from devstack.stack.stack import ROOT, Stack

__all__ = ["ROOT", "Addresses", "AlreadyUpError", "Stack", "StackError", "WorkFolder"]
