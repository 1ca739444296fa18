"""docs/telemetry.md says of every metric what the code says."""

from __future__ import annotations

from pathlib import Path

import tasks.ledger_metrics
import tasks.telemetry.metrics
from tasks.telemetry.metric import DECLARED

DOCUMENT = Path(__file__).parents[2] / "docs" / "telemetry.md"

MODULES = (tasks.telemetry.metrics, tasks.ledger_metrics)
"""Where metrics are declared."""


def test_every_metric_is_documented_with_its_labels_unit_and_meaning() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    documented = [row for row in rows if row.split("`")[1].startswith(("curator_", "http_"))]
    assert MODULES
    assert sorted(documented) == sorted(
        f"| `{metric.shown_name}` | {metric.kind} | {labels(metric.labels)} | {metric.unit} "
        f"| {metric.meaning} |"
        for metric in DECLARED.values()
    )


def test_labels_are_few_and_none_names_a_host_a_url_or_a_job() -> None:
    for metric in DECLARED.values():
        assert len(metric.labels) <= 4
        assert not {"host", "url", "job", "job_id", "worker"} & set(metric.labels)


def labels(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name.replace('.', '_')}`" for name in names)
