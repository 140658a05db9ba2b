"""What ends a command early, each with the exit code that --help documents."""

from collections.abc import Iterable

from shared.nouns.errors import Fault

DONE, STOPPED, BAD_INPUT, OUT_OF_REACH, INTERRUPTED = 0, 1, 2, 3, 130


class CommandError(Exception):
    """The command cannot go on; the message is a sentence for whoever typed it, `faults` name fields and reasons."""

    exit_code = STOPPED

    def __init__(self, message: str, faults: Iterable[Fault] = ()) -> None:
        self.faults = tuple(faults)
        super().__init__(message)


class BadInput(CommandError):
    """What was given is wrong: a file, an argument, or what the app says no to."""

    exit_code = BAD_INPUT


class OutOfReach(CommandError):
    """The app does not answer, or cannot work just now."""

    exit_code = OUT_OF_REACH


class NotLetIn(OutOfReach):
    """The app does not take the key or sign-in, or does not allow this to its holder: asking again does not help."""
