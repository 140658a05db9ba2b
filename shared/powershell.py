"""Values in PowerShell text, whatever they hold.

PowerShell takes four more characters for an apostrophe, so those are doubled too.
https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules and
https://learn.microsoft.com/powershell/scripting/lang-spec/chapter-02 (single-quote-character)
"""

import unicodedata
from collections.abc import Iterable

_QUOTES = "'\u2018\u2019\u201a\u201b"
# Control and format characters, private and unpaired ones, line and paragraph ends: nothing that a reader could not see.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def visible(text: str) -> str:
    """The text on one line, without characters that hide or reorder what stands around them."""
    return "".join(" " if unicodedata.category(char) in _HIDDEN else char for char in text)


def quoted(text: str) -> str:
    """The text as one PowerShell string that nothing in it can end or expand."""
    return "'" + "".join(char * 2 if char in _QUOTES else char for char in visible(text)) + "'"


def listed(texts: Iterable[str]) -> str:
    """The texts as a PowerShell array."""
    return f"@({', '.join(quoted(text) for text in texts)})"


def literal(value: object) -> str:
    """A truth value, number, text or sequence of texts as PowerShell writes it."""
    match value:
        case bool():
            return "$true" if value else "$false"
        case int():
            return str(value)
        case list() | tuple():
            return listed(str(item) for item in value)
        case _:
            return quoted(str(value))
