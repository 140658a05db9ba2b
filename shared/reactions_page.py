"""docs/reactions.md, made from the table of reactions."""

from shared.reactions import RULES, Rule


def page() -> str:
    """docs/reactions.md."""
    about = {"guest": "Guests on record", "stranger": "People whom no request has named", "group": "Groups"}
    about |= {"sponsor": "Sponsors", "setting": "Settings", "partner": "Partners"}
    lines = [_HEAD]
    for key, title in about.items():
        lines += [f"## {title}", "", "| event | when | what happens | template |", "| --- | --- | --- | --- |"]
        lines += [_row(rule) for rule in RULES if rule.about == key]
        lines.append("")
    return "\n".join([*lines, _TAIL])


def _row(rule: Rule) -> str:
    setting = f"`[{rule.setting}]`" if rule.setting and "." not in rule.setting else f"`{rule.setting}`" if rule.setting else ""
    return f"| `{rule.event}` | {rule.condition} | {rule.reaction}{' **(told)**' if rule.tells else ''} | {setting} |"


_HEAD = """# What Entente does about what others change

This page is made from the table in `shared/reactions.py` (`python -m shared.schemas`), which is what runs.

A notification of Microsoft Graph is a hint. The object is read again, compared with what our tables say, and only the difference
counts: copies, another order, and replays change nothing. Where nothing differs, it is looked at twice more, after half a minute and after the
consistency horizon (`ENTENTE_HORIZON_SECONDS`), because a read may be older than the notification. Every reaction stands in the
journal with before and after; who is `tenant change`. Nothing here deletes, blocks or unblocks anybody.
"""
_TAIL = """## Drift

Each finished task is read again and compared: after a notification, and by the timer `compare-settings` for settings that Microsoft tells
nobody about, in small helpings (`ENTENTE_COMPARE_PER_RUN`) with `x-ms-throttle-priority: low`: one read after another, the next partners and 200
sponsors in turn, so that a run takes the same however many there are. A partner with every option costs 21 resource units of Graph and 11 cmdlets; 20 of
them are less than a thousandth of what the smallest tenants may ask in an hour.
`entente drift [PARTNER]` and `GET /api/drift` list what others
have changed, before and after. A template says per step what follows:

| `[drift]` | |
| --- | --- |
| `report` (the default) | it is on record and listed |
| `put-back` | it is made as before by a request of its own, through the same steps and journal; by itself only where that surely **narrows** \
access (`shared/drifting.py`). What widens, and what cannot be told, waits for a person: `entente drift --put-back ID` |
| `accept` | what is there now is the new wish, and is taken back with the rest when the partner leaves; `entente drift --accept ID` does so once |

What a later request has made otherwise is no drift, however lately, nor is what it has opened again after the partner left. What differed of a partner who
has left is over.

An installation that only reports (`ENTENTE_REPORT_ONLY`) puts nothing back by itself.
"""
