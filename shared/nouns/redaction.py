"""Vendors quote what they were sent. What they say is passed on to people and logs only through here."""

import re

# A word with an at sign (plain or encoded) or with the mark of a guest's user principal name has an address in it.
_ADDRESS = re.compile(r"\S*(?:@|%40|#EXT#|%23EXT%23)\S*", re.IGNORECASE)
# The same where JSON stands around it, which stays JSON.
_WITHIN = re.compile(r"""[^\s"\\{}\[\],]*(?:@|%40|#EXT#|%23EXT%23)[^\s"\\{}\[\],]*""", re.IGNORECASE)
_LINK = re.compile(r"\w+://\S+")
_TOKEN = re.compile(r"\beyJ[\w-]+(?:\.[\w-]*)*")
_MOST = 400


def without_secrets(text: str) -> str:
    """The text in one line, without e-mail addresses, links (a redeem link is a key) and tokens, cut to 400 characters."""
    text = " ".join(without_addresses(text).split())
    return text if len(text) <= _MOST else text[:_MOST] + " ..."


def without_addresses(text: str) -> str:
    """The whole text, without e-mail addresses, links and tokens: what people named in a request is quoted to them, and kept."""
    for pattern, stand_in in ((_LINK, "<link>"), (_TOKEN, "<token>"), (_ADDRESS, "<address>")):
        text = pattern.sub(stand_in, text)
    return text


def masked(text: str) -> str:
    """The text, which may be JSON, without e-mail addresses, and with everything else that is in it."""
    return _WITHIN.sub("<address>", text)
