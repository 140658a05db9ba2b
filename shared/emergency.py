"""The direct way, without Functions and Service Bus: `python -m shared.emergency block PARTNER --reason ...`.

It needs ENTENTE_TENANT_ID and an identity with the app's permissions: a managed identity where there is one, else that of `az login` (best
that of an application: a person's own token from the Azure CLI does not reach cross-tenant access). Where the tables cannot be reached the
partner is shut out all the same, and the report, on standard output, is the only record.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

from shared.nouns.errors import Refusal, SettingsMissing
from shared.nouns.outcomes import NotYet, WontWork
from shared.root import build, close
from shared.settings import Settings, has_managed_identity, read_emergency_settings
from shared.verbs.block import block
from shared.verbs.blocked import Outcome
from shared.verbs.release import release

DONE, REMAINS, BAD_INPUT, NOT_REACHABLE = 0, 1, 2, 3


class _CommandLine:
    """The identity of `az login`, which cannot ask for claims."""

    def __init__(self, tenant_id: str) -> None:
        from azure.identity.aio import AzureCliCredential

        self._credential = AzureCliCredential(tenant_id=tenant_id)

    async def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> Any:
        del claims
        return await self._credential.get_token(*scopes)

    async def close(self) -> None:
        await self._credential.close()


def main(arguments: list[str] | None = None) -> int:
    """The partner is blocked, or its release asked for or confirmed; the exit code says whether something remains open."""
    asked = _parser().parse_args(arguments)
    try:
        settings, unrecorded = read_emergency_settings()
        out = asyncio.run(_carried_out(settings, asked, unrecorded))
    except SettingsMissing as error:
        return _said(str(error), BAD_INPUT)
    except Refusal as refusal:
        return _said(str(refusal), BAD_INPUT)
    except (NotYet, WontWork) as error:
        return _said(error.reason, NOT_REACHABLE)
    for line in out.remains:
        _tell(f"remains open: {line}")
    sys.stdout.write(json.dumps(out.as_json(), indent=2, ensure_ascii=False) + "\n")
    return REMAINS if out.remains else DONE


async def _carried_out(settings: Settings, asked: argparse.Namespace, unrecorded: str) -> Outcome:
    world = build(settings, None if has_managed_identity() else _CommandLine(settings.tenant_id))
    try:
        who = await world.tenant.principal()
        if asked.verb == "release":
            return await release(world, asked.partner, who, asked.reason, tell=_tell)
        return await block(world, asked.partner, who, asked.reason, tell=_tell, unrecorded=unrecorded)
    finally:
        await close(world)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shared.emergency", description="Shut a partner out, without the function app."
    )
    parser.add_argument("verb", choices=("block", "release"))
    parser.add_argument("partner", help="The partner's tenant id, or one of its domains.")
    parser.add_argument("--reason", required=True, help="Why: it stands in the journal.")
    return parser


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _said(error: str, code: int) -> int:
    _tell(error)
    return code


if __name__ == "__main__":
    sys.exit(main())
