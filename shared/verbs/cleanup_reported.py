"""What a decision becomes where the template only reports, a warning cannot be sent, or nobody knows where to look before a deletion. Pure."""

from dataclasses import replace

from shared.expiry import Decision, Move
from shared.verbs.cleanup_facts import PartnerFacts


def as_reported(decision: Decision, facts: PartnerFacts, *, mailbox: bool) -> Decision:
    """What a template that only reports would do is told, and not done; nor is a warning that cannot be sent."""
    if decision.move is Move.WARN and not mailbox:
        return replace(
            decision, move=Move.REPORT, words=f"cannot be warned, because ENTENTE_MAILBOX is not set: {decision.words}"
        )
    if decision.move is Move.DELETE and facts.rules is not None:
        decision = replace(decision, move=_deleted(facts), words=f"{decision.words}; {_sharing(facts)}")
    if facts.rules is None or not facts.rules.report_only or decision.move in {Move.KEEP, Move.REPORT}:
        return decision
    return replace(
        decision, move=Move.REPORT, words=f"would {decision.move}, but template {facts.template} only reports: {decision.words}"
    )


def _deleted(facts: PartnerFacts) -> Move:
    """Who is to lose what is shared with them before is not deleted where nobody knows where to look."""
    unknown = facts.rules is not None and facts.rules.unshare == "all" and not facts.sites
    return Move.REPORT if unknown else Move.DELETE


def _sharing(facts: PartnerFacts) -> str:
    """What becomes of what is shared with a guest who is deleted."""
    if facts.rules is None or facts.rules.unshare == "no":
        return "what is shared with them in SharePoint is left"
    if facts.sites:
        return f"what is shared with them by name in document libraries of {len(facts.sites)} sites is taken away before, and nothing in lists and pages"
    return "nothing is looked for in SharePoint, because neither the template nor a request of the partner names a site" + (
        ', which unshare = "all" asks for: name one under sites' if facts.rules.unshare == "all" else ""
    )
