"""What it costs, computed from measured operations and public prices, for docs/deploy.md.

`python -m infra.costs` writes the table between its marks; a test holds it current.
"""

import json
from dataclasses import dataclass

from infra.topology import SECRETS, topology
from shared.settings import ROOT

PAGE = ROOT / "docs" / "deploy.md"
MARKS = "<!-- costs: made by `python -m infra.costs` -->\n", "<!-- end of costs -->\n"
HOURS, SECONDS = 730, 2_628_000
GUESTS = 1_000


@dataclass(frozen=True)
class Price:
    """US dollars, list prices as of November 2026 to the best of our knowledge, West Europe or East US; look yours up."""

    bus_month: float = 0.0135 * HOURS  # Service Bus Standard, with 13 million operations
    bus_million: float = 0.80
    bus_premium_month: float = 0.928 * HOURS  # one messaging unit
    tables_10k: float = 0.00036
    tables_gb: float = 0.056  # zone-redundant
    compute_gb_s: float = 0.000026  # Flex Consumption on demand, of which 100,000 GB-s a month are free
    compute_free: float = 100_000
    ready_gb_s: float = 0.000004
    executions_million: float = 0.40  # of which 250,000 a month are free
    logs_gb: float = 2.76
    alert: tuple[tuple[str, float], ...] = (("PT5M", 1.50), ("PT15M", 0.50))
    series: float = 0.10
    endpoint_month: float = 0.01 * HOURS


@dataclass(frozen=True)
class Work:
    """What was measured per guest (README, `make bench`), and what is assumed where nothing could be."""

    table_transactions: float = 6
    bus_operations: float = 3.4
    # A message is sent, received and completed, and batches share their sends: no more executions than half of the operations.
    executions: float = 1.7
    memory_gb: float = 2
    # Flex Consumption counts an execution as a second at least; those that run side by side on an instance share it.
    seconds: float = 1
    # Assumed: requests, log lines and the tables' audit log.
    log_bytes: float = 20_000
    idle_log_bytes: float = 60_000_000
    # Two timers, every five minutes, about five table transactions each.
    idle_executions: float = 2 * 12 * HOURS
    idle_transactions: float = 5 * 2 * 12 * HOURS


def _rows(price: Price, work: Work) -> list[tuple[str, float, float, str]]:
    alerts = json.loads((ROOT / "infra" / "alerts.json").read_text("utf-8"))
    queues = len(topology()["queues"])
    idle_gb_s = work.idle_executions * work.seconds * work.memory_gb
    executions = work.executions * GUESTS
    compute = executions * work.seconds * work.memory_gb * price.compute_gb_s
    ringing = sum(dict(price.alert)[alert["every"]] for alert in alerts) + queues * price.series
    return [
        (
            "Service Bus Standard",
            price.bus_month,
            work.bus_operations * GUESTS / 1e6 * price.bus_million,
            "operations are within the included 13 million until about 3 million guests a month",
        ),
        (
            "Functions (2 GB)",
            max(0.0, idle_gb_s - price.compute_free) * price.compute_gb_s,
            compute + executions / 1e6 * price.executions_million,
            f"idle: {idle_gb_s:,.0f} of 100,000 free GB-s; the free grant is not counted for guests",
        ),
        (
            "Tables",
            work.idle_transactions / 1e4 * price.tables_10k + 0.1 * price.tables_gb,
            work.table_transactions * GUESTS / 1e4 * price.tables_10k,
            "0.1 GB kept",
        ),
        (
            "Logs",
            work.idle_log_bytes / 1e9 * price.logs_gb,
            work.log_bytes * GUESTS / 1e9 * price.logs_gb,
            "assumed sizes; 5 GB a month are free per billing account, not counted",
        ),
        ("Alerts", ringing, 0.0, f"{len(alerts)} log alerts, and one metric on {queues} queues"),
        ("Key Vault", 0.01, 0.0, f"a few reads of {len(SECRETS)} secrets"),
    ]


def table() -> str:
    """The table and the prices of the options, in Markdown."""
    price, work = Price(), Work()
    rows = _rows(price, work)
    lines = ["| | idle month | per 1,000 guests | |", "| --- | ---: | ---: | --- |"]
    lines += [f"| {name} | ${idle:,.2f} | ${busy:,.3f} | {why} |" for name, idle, busy, why in rows]
    lines += [f"| **together** | **${sum(row[1] for row in rows):,.2f}** | **${sum(row[2] for row in rows):,.2f}** | |", ""]
    ready = price.ready_gb_s * SECONDS * work.memory_gb
    private = price.bus_premium_month - price.bus_month
    lines += [
        f"Options, a month each: `alwaysReady=1` ${ready:,.0f}; `privateNetwork` ${private:,.0f} for Service Bus Premium and "
        f"${price.endpoint_month:,.0f} for each of five endpoints; `apps=split` nothing but its timers' share of the free grant.",
    ]
    return "\n".join(lines) + "\n"


def written(page: str) -> str:
    """The page with the table as it is now."""
    head, mark, rest = page.partition(MARKS[0])
    return head + mark + table() + MARKS[1] + rest.partition(MARKS[1])[2]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), encoding="utf-8")
