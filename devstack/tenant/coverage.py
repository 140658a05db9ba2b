"""How faithful each operation is, as a page: `python -m devstack.tenant.coverage` writes coverage.md.

The rungs are design.md's ladder. What is on a rung is read from the tests: a test that proves one says so with `@shows`.
"""

import argparse
import ast
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from devstack.tenant.exchange.cmdlet import Cmdlet
from devstack.tenant.exchange.invoke import CMDLETS
from devstack.tenant.graph.operation import Operation
from devstack.tenant.graph.router import FAMILIES, OPERATIONS
from devstack.tenant.services.door import ENDPOINTS
from devstack.tenant.services.endpoint import Endpoint

PAGE = Path(__file__).with_name("coverage.md")
TESTS = Path(__file__).parents[2] / "tests" / "tenant"
RUNGS = {
    1: "shape: requests and responses validated against Microsoft's OpenAPI description",
    2: "documented rules, with the number of tests",
    3: "replication delay",
    4: "failures: throttled, 5xx, effect done and reply lost",
    5: "judged by Microsoft's own clients over sockets",
    6: "run against a live tenant, with the date",
}
BATCH = "POST /$batch"
TOKEN = "GET /msi/token"  # noqa: S105  # a path, no secret
GRAPH = tuple(operation.name for operation in OPERATIONS)
EXCHANGE = tuple(cmdlet.name for cmdlet in CMDLETS.values())
SERVICES = tuple(endpoint.name for endpoint in ENDPOINTS)


def shows[Test: Callable[..., object]](*operations: str, rung: int) -> Callable[[Test], Test]:
    """A test that proves the rung for the operations (`METHOD path`, a cmdlet, or `graph`, `exchange` for all of them)."""
    unknown = set(operations) - {*GRAPH, *EXCHANGE, *SERVICES, BATCH, TOKEN, "graph", "exchange", "services"}
    if unknown or rung not in RUNGS:
        raise ValueError(f"@shows names operations that exist and a rung of the ladder; got {sorted(unknown)} and rung {rung}")
    return lambda test: test


def proven(tests: Path = TESTS) -> dict[str, dict[int, int]]:
    """For each operation the number of tests on each rung, read from the decorators without running anything."""
    counts: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for path in sorted(tests.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for decorator in node.decorator_list:
                    _count(decorator, counts)
    return counts


def _count(decorator: ast.expr, counts: dict[str, dict[int, int]]) -> None:
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "shows"):
        return
    rung = ast.literal_eval(decorator.keywords[0].value)
    for argument in decorator.args:
        name = ast.literal_eval(argument)
        for operation in {"graph": GRAPH, "exchange": EXCHANGE, "services": SERVICES}.get(name, (name,)):
            counts[operation][rung] += 1


def page(counts: dict[str, dict[int, int]]) -> str:
    """The whole page in Markdown."""
    lines = [
        "# What the simulated tenant covers",
        "",
        "Made by `python -m devstack.tenant.coverage`; a test keeps it current. Nothing here was run against a live tenant (rung 6):",
        "whoever has one may be the first.",
        "",
        *(f"{number}. {text}" for number, text in RUNGS.items()),
        "",
        "## Microsoft Graph v1.0",
        "",
        *_head("Operation"),
    ]
    lines += [_row(f"[{operation.name}]({operation.documentation})", counts[operation.name]) for operation in OPERATIONS]
    lines += [_row(f"[{BATCH}](https://learn.microsoft.com/graph/json-batching)", counts[BATCH])]
    lines += ["", "## Exchange admin API (InvokeCommand)", "", *_head("Cmdlet")]
    lines += [_row(f"[{cmdlet.name}]({cmdlet.documentation})", counts[cmdlet.name]) for cmdlet in CMDLETS.values()]
    lines += ["", "## SharePoint, Teams and Fabric beside Graph", "", *_head("Endpoint")]
    lines += [_row(f"[{one.service.name}: {one.name}]({one.documentation})", counts[one.name]) for one in ENDPOINTS]
    lines += ["", "## Managed identity", "", *_head("Endpoint")]
    documentation = "https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference"
    lines += [_row(f"[{TOKEN}]({documentation})", counts[TOKEN]), ""]
    lines += _notes(
        "Not verified",
        "What Microsoft does here is not known for certain; options under `/_sim/options` change it.",
        "unverified",
    )
    lines += _notes("Deviations", "Known to differ from Microsoft.", "deviations")
    lines += [
        "- everywhere: tokens expire by real time, not by the tenant's clock, because clients cache them by their own clock"
    ]
    lines += ["- everywhere: links to further pages point to this tenant, `@odata.context` to graph.microsoft.com"]
    lines += ["- everywhere: permissions for agents, device management, cross-cloud users and the `ReadBasic` ones are refused"]
    lines += ["- SharePoint, Teams and Fabric beside Graph: no throttling of their own; faults give 429"]
    lines += ["- $batch: items are carried out one after the other", ""]
    lines += [
        "## Not simulated",
        "",
        "These answer 501 and name the file to write, as does every path that is not listed at all.",
        "",
    ]
    lines += [f"- `{name}`" for family in FAMILIES for name in family.NOT_SIMULATED]
    return "\n".join(lines) + "\n"


def _head(first: str) -> list[str]:
    return [f"| {first} | 1 | 2 | 3 | 4 | 5 | 6 |", "| --- |" + " --- |" * len(RUNGS)]


def _row(title: str, rungs: dict[int, int]) -> str:
    cells = [str(rungs[rung]) if rung == 2 and rungs.get(rung) else "yes" if rungs.get(rung) else "" for rung in RUNGS]
    return f"| {title} | {' | '.join(cells)} |"


def _notes(title: str, lead: str, attribute: str) -> list[str]:
    lines = [f"## {title}", "", lead, ""]
    noted: tuple[Operation | Cmdlet | Endpoint, ...] = (*OPERATIONS, *CMDLETS.values(), *ENDPOINTS)
    for operation in noted:
        sentences: tuple[str, ...] = getattr(operation, attribute)
        followed = getattr(operation, "options", None) if attribute == "deviations" else None
        if followed is not None:
            names = ", ".join(f"${name}" for name in followed if name != "skiptoken")
            sentences = (*sentences, f"of query options, only {names} are followed; others answer 501")
        lines += [f"- {operation.name}: {sentence}" for sentence in sentences]
    return [*lines, ""] if attribute == "unverified" else lines


def main() -> int:
    """Write the page, or with `--check` say whether it is current: 0 or 1."""
    parser = argparse.ArgumentParser(prog="python -m devstack.tenant.coverage", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if the page is not current")
    text = page(proven())
    if parser.parse_args().check:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
