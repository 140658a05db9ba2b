"""What goes wrong with the stack, as sentences for whoever started it."""


class StackError(Exception):
    """The stack cannot start or go on; the message says which part, why, and what to do."""
