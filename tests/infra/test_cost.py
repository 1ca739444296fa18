"""The cost tables of docs/cloud.md are what the plans and the prices give."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.scaling.cost import by_use, idle, read_prices, table, worker_hour
from tests.infra.plan import recorded

DOCUMENT = (Path(__file__).parents[2] / "docs" / "cloud.md").read_text()
PRICES = read_prices()


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_table_of_an_idle_month_is_current(name: str) -> None:
    assert table(recorded(name), PRICES) in DOCUMENT


def test_the_table_of_what_comes_on_top_is_current() -> None:
    assert by_use(recorded("prod"), PRICES) in DOCUMENT


def test_a_worker_costs_what_its_processor_and_memory_cost() -> None:
    arm = {"core": 0.03, "gb": 0.004, "spot_share": 0.5}
    prices = {**PRICES, "fargate_arm": arm}
    assert worker_hour(recorded("prod"), prices) == pytest.approx(0.038)


def test_the_date_of_the_prices_is_told() -> None:
    assert f"of {PRICES['date']}" in DOCUMENT


def test_a_node_without_a_price_is_not_free() -> None:
    with pytest.raises(KeyError, match="cache"):
        list(idle(recorded("prod"), {**PRICES, "nodes": {}}))
