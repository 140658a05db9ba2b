"""What all commands have in common: the app they speak to, who speaks, and how what goes wrong is told."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli import show
from cli.client import Api
from cli.connection import connection
from cli.errors import BadInput, CommandError

# Typer reads the annotations itself and does not look through a `type` alias.
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else on standard output.")]
RequestName = Annotated[str, typer.Argument(metavar="REQUEST", help="The request's id.")]
PartnerName = Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's tenant id, or one of its domains.")]
# No address: the name goes into the journal.
_TO_ALL = ("--as", "--tenant")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class SaidAnywhere(TyperGroup):
    """What is said to every command (`--as`, `--tenant`) may stand before the command's name, or behind it among its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments, with those of every command first."""
        first, rest, words = list[str](), list[str](), iter(args)
        for word in words:
            if word == "--":
                rest += [word, *words]
            elif word in _TO_ALL:
                value = next(words, None)
                if value is None:
                    rest.append(word)
                else:
                    first += [word, value]
            elif word.startswith(tuple(f"{name}=" for name in _TO_ALL)):
                first.append(word)
            else:
                rest.append(word)
        return super().parse_args(ctx, [*first, *rest])


_who: ContextVar[str] = ContextVar("who", default="")
_tenant: ContextVar[str] = ContextVar("tenant", default="")


def said_who(
    who: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="NAME",
            envvar="ENTENTE_AS",
            help="Who you are, for an app on this machine only: in Azure the sign-in says it. Whoever approves is somebody else than who asked.",
        ),
    ] = "",
    tenant: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="ENTENTE_TENANT",
            help="Which tenant it is about, where the app is for several (ENTENTE_TENANTS).",
        ),
    ] = "",
) -> None:
    """The names stand where `api` finds them."""
    _who.set(who)
    _tenant.set(tenant)


def said() -> str:
    """The name that was said; empty where none was."""
    return _who.get()


def api() -> Api:
    """The app. Raises BadInput for a name that cannot be used, or one that is said to an app elsewhere."""
    there = connection(os.environ, Path.cwd())
    who = said()
    if who and not _NAME.fullmatch(who):
        raise BadInput("--as takes a name of up to 64 letters, digits, dots, hyphens and underscores; no address.")
    if who and not there.local:
        raise BadInput(f"--as is for an app on this machine; at {there.url} your sign-in says who you are (ENTENTE_TOKEN).")
    if (tenant := _tenant.get()) and not _NAME.fullmatch(tenant):
        raise BadInput("--tenant takes the name of a tenant as ENTENTE_TENANTS has it.")
    return Api(there, who, tenant)


@contextmanager
def told(*, as_json: bool, code: int | None = None) -> Iterator[None]:
    """What goes wrong is told as a sentence, or as JSON, and becomes the exit code; `code` where this command has its own."""
    try:
        yield
    except CommandError as error:
        if as_json:
            print_json({"error": str(error), "faults": [{"field": each.field, "reason": each.reason} for each in error.faults]})
        else:
            show.faults(show.console(errors=True), str(error), error.faults)
        raise typer.Exit(error.exit_code if code is None else code) from None


def print_json(value: Any) -> None:
    """The value on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
