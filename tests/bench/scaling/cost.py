"""What a plan costs: a month while nothing happens, and what comes on top by use.

`python -m tests.bench.scaling.cost` prints the tables of docs/cloud.md.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from tasks.cloudwatch import METRICS
from tests.infra.plan import Plan, alarm_metrics, containers, environment, recorded

FILE = Path(__file__).with_name("prices.toml")

Prices = dict[str, Any]


class Item(Struct, frozen=True, kw_only=True):
    """A line of the cost table."""

    what: str
    count: int
    how: str
    """How the price of one comes about, in dollars."""
    month: float
    """Dollars, of all."""


def read_prices() -> Prices:
    return tomllib.loads(FILE.read_text())


def task_hour(prices: Prices, cpu: int, memory: int) -> float:
    """Dollars for an hour of one task on demand, of `cpu` units and `memory` MB."""
    arm = prices["fargate_arm"]
    hour: float = cpu / 1024 * arm["core"] + memory / 1024 * arm["gb"]
    return hour


def worker_hour(plan: Plan, prices: Prices) -> float:
    return _task_hour(plan, prices, "worker")


def idle(plan: Plan, prices: Prices) -> Iterator[Item]:
    """While no job runs: no worker, and web at its least."""
    month, hourly, monthly = prices["hours_a_month"], prices["hourly"], prices["monthly"]

    def by_hour(what: str, count: int, price: float) -> Item:
        how = f"{price:.4g} an hour × {month}"
        return Item(what=what, count=count, how=how, month=count * price * month)

    def by_month(what: str, count: int, price: float) -> Item:
        return Item(what=what, count=count, how=f"{price:.2f} a month", month=count * price)

    web = plan.one("aws_ecs_service", "module.web.aws_ecs_service.this").values["desired_count"]
    [queue] = plan.of_type("aws_elasticache_replication_group")
    nodes = queue.values.get("num_cache_clusters") or (
        queue.values["num_node_groups"] * (1 + queue.values["replicas_per_node_group"])
    )
    kind = queue.values["node_type"]
    gateways = len(plan.of_type("aws_nat_gateway"))
    subnets = len([one for one in plan.of_type("aws_subnet") if ".public[" in one.address])
    periods = [it["period"] for _, it in alarm_metrics(plan)]  # each metric of an alarm is paid
    fast = sum(1 for period in periods if period < 60)

    yield by_hour("web", web, _task_hour(plan, prices, "web"))
    yield by_hour(f"queue, {kind}", nodes, prices["nodes"][kind])
    yield by_hour("NAT gateway", gateways, hourly["nat_gateway"])
    yield by_hour("load balancer", len(plan.of_type("aws_lb")), hourly["load_balancer"])
    yield by_hour("public IPv4 address", gateways + subnets, hourly["public_address"])
    yield by_month("key", len(plan.of_type("aws_kms_key")), monthly["key"])
    yield by_month("secret", len(plan.of_type("aws_secretsmanager_secret")), monthly["secret"])
    yield by_month("alarm", len(periods) - fast, monthly["alarm"])
    yield by_month("alarm of 10 s", fast, monthly["fast_alarm"])
    yield by_month("metric of our own", len(METRICS), monthly["metric"])
    dashboards = len(plan.of_type("aws_cloudwatch_dashboard"))
    yield by_month("dashboard", dashboards, monthly["dashboard"])


def table(plan: Plan, prices: Prices) -> str:
    """Markdown."""
    items = list(idle(plan, prices))
    rows = [f"| {one.what} | {one.count} | {one.how} | {one.month:.2f} |" for one in items]
    total = f"| **idle, a month** | | | **{sum(one.month for one in items):.2f}** |"
    return "\n".join(
        ["| what | count | each, in $ | $ a month |", "| --- | ---: | --- | ---: |", *rows, total]
    )


def _task_hour(plan: Plan, prices: Prices, role: str) -> float:
    task = plan.one("aws_ecs_task_definition", f"module.{role}.aws_ecs_task_definition.this").values
    return task_hour(prices, int(task["cpu"]), int(task["memory"]))


STEP_SECONDS = 1.2
"""Mean seconds that a step has its slot: docs/cloud.md says how it comes about."""


def by_use(plan: Plan, prices: Prices) -> str:
    """The rows of what comes on top, as Markdown."""
    hour, use = worker_hour(plan, prices), prices["by_use"]
    share = prices["fargate_arm"]["spot_share"]
    slots = int(environment(containers(plan)["worker"])["WORKER_CONCURRENCY"])
    articles = 1000 * STEP_SECONDS / slots / 3600 * hour
    arm = prices["fargate_arm"]
    rows = (
        ("an hour of a worker", f"1 core × {arm['core']} + 2 GB × {arm['gb']}", hour),
        ("… on Spot", f"× {share}, assumed; it moves from day to day", hour * share),
        (
            "1,000 articles",
            f"1,000 × {STEP_SECONDS} s / {slots} slots, on demand, all busy",
            articles,
        ),
        ("1 GB fetched", "passing the NAT gateway", use["nat_gb"]),
        ("1 GB of logs", "", use["log_gb"]),
    )
    return "\n".join(f"| {what} | {how} | {price:.4f} |" for what, how, price in rows)


def main() -> None:
    prices = read_prices()
    for name in ("dev", "prod"):
        sys.stdout.write(f"{name}\n\n{table(recorded(name), prices)}\n\n")
    sys.stdout.write(f"by use\n\n{by_use(recorded('prod'), prices)}\n")


if __name__ == "__main__":
    main()
