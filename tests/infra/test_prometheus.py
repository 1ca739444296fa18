"""The alerts for Prometheus: their metrics exist, each fires when it should, and none otherwise."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import tasks.ledger_metrics
import tasks.telemetry.metrics
from tasks.telemetry.metric import DECLARED, Kind

FOLDER = Path(__file__).parents[2] / "infra" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
NAMES = {rule["alert"] for rule in RULES}
DECLARING = (tasks.ledger_metrics, tasks.telemetry.metrics)

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")

MINUTES = 90

NORMAL = {
    # An hour and a half of two webs and two workers with some failures, as samples of each minute.
    'curator_ledger_up{instance="web-1"}': "1x90",
    'curator_ledger_up{instance="web-2"}': "1x90",
    'curator_workers{instance="web-1"}': "2x90",
    'curator_workers{instance="web-2"}': "2x90",
    'curator_slots{instance="worker-1"}': "12x90",
    'curator_slots{instance="worker-2"}': "12x90",
    'curator_queue_paused{instance="web-1"}': "0x90",
    'curator_queue_depth{instance="web-1", priority="high"}': "0x20 3x30 0x40",
    'curator_queue_depth{instance="web-1", priority="normal"}': "9x90",
    'curator_queue_depth{instance="web-1", priority="low"}': "900x90",
    'curator_queue_oldest_seconds{instance="web-1", priority="normal"}': "0+2x90",
    'curator_queue_oldest_seconds{instance="web-1", priority="low"}': "0+60x90",
    'curator_jobs_ended_total{type="a", state="SUCCESS", reason=""}': "0+5x90",
    'curator_jobs_ended_total{type="a", state="FAILURE", reason="all_failed"}': "0+0.5x90",
    'curator_jobs_ended_total{type="a", state="REVOKED", reason=""}': "0+1x90",
    'curator_attempts_total{step="analyse", outcome="lost", reason=""}': "0x30 1x60",
    'curator_wakeups_lost_total{instance="web-1"}': "0x30 4x60",
    'curator_redis_memory_bytes{instance="web-1"}': "500x90",
    'curator_redis_memory_limit_bytes{instance="web-1"}': "1000x90",
    'curator_redis_persistent{instance="web-1", part="log"}': "1x90",
    'curator_redis_persistent{instance="web-1", part="snapshot"}': "1x90",
    'curator_background_restarts_total{loop="reaper", error="OSError"}': "0x30 1x60",
    'curator_loop_lag_seconds_bucket{instance="worker-1", le="0.5"}': "0+120x90",
    'curator_loop_lag_seconds_bucket{instance="worker-1", le="2.5"}': "0+120x90",
    'curator_loop_lag_seconds_bucket{instance="worker-1", le="+Inf"}': "0+120x90",
}

LAG = 'curator_loop_lag_seconds_bucket{instance="worker-1", le="0.5"}'
PERSISTENT = 'curator_redis_persistent{instance="web-1", part="log"}'
LOST = 'curator_attempts_total{step="analyse", outcome="lost", reason=""}'
FAILED = 'curator_jobs_ended_total{type="a", state="FAILURE", reason="all_failed"}'
RESTARTS = 'curator_background_restarts_total{loop="reaper", error="OSError"}'
OLDEST = 'curator_queue_oldest_seconds{instance="web-1", priority="normal"}'
WEBS = [f'curator_ledger_up{{instance="web-{n}"}}' for n in (1, 2)]
WORKERS = [f'curator_workers{{instance="web-{n}"}}' for n in (1, 2)]

TROUBLES: dict[str, dict[str, str]] = {
    "CuratorWebAway": dict.fromkeys(WEBS, "1x30 stale"),
    "CuratorLedgerAway": dict.fromkeys(WEBS, "1x30 0x60"),
    "CuratorNoWorkers": dict.fromkeys(WORKERS, "2x30 0x60"),
    "CuratorQueueOld": {OLDEST: "0+60x90"},
    "CuratorPausedForLong": {'curator_queue_paused{instance="web-1"}': "0x10 1x80"},
    "CuratorJobsFail": {FAILED: "0+3x90"},
    "CuratorLeasesLost": {LOST: "0+1x90"},
    "CuratorWakeupsLost": {'curator_wakeups_lost_total{instance="web-1"}': "0+3x90"},
    "CuratorRedisMemory": {'curator_redis_memory_bytes{instance="web-1"}': "950x90"},
    "CuratorRedisNotPersistent": {PERSISTENT: "1x30 0x60"},
    "CuratorWorkerTelemetryGone": {'curator_slots{instance="worker-2"}': "12x30 stale"},
    "CuratorLoopsRestart": {RESTARTS: "0+1x90"},
    "CuratorLoopLate": {LAG: "0+100x90"},
}
"""What provokes each alert: the series that differ from the normal ones."""


def test_each_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "runbook"}, rule["alert"]
        assert rule["for"], rule["alert"]


def test_every_metric_of_an_alert_exists() -> None:
    assert DECLARING
    for rule in RULES:
        named = set(re.findall(r"\bcurator_\w+", rule["expr"]))
        assert named
        assert named <= known_names(), rule["alert"]


def test_every_alert_is_provoked() -> None:
    assert TROUBLES.keys() == NAMES


@promtool
def test_the_files_are_valid() -> None:
    for what, file in (("rules", "alerts.yaml"), ("config", "prometheus.yaml")):
        checked = subprocess.run(
            ["promtool", "check", what, file],  # noqa: S607
            cwd=FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


@promtool
def test_no_alert_fires_in_normal_times(tmp_path: Path) -> None:
    assert fired(tmp_path, NORMAL) == {}


@promtool
@pytest.mark.parametrize("alert", sorted(TROUBLES))
def test_an_alert_fires_when_it_is_provoked(alert: str, tmp_path: Path) -> None:
    fires = fired(tmp_path, NORMAL | TROUBLES[alert])
    assert fires.keys() == {alert}


def fired(folder: Path, series: dict[str, str]) -> dict[str, int]:
    """The alerts that fire at some minute, with the first of these minutes.

    Every alert is expected never to fire; what promtool reports otherwise is read from its answer.
    """
    checks = [
        {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": []}
        for alert in sorted(NAMES)
        for minute in range(0, MINUTES, 5)
    ]
    test = {
        "rule_files": [str(FOLDER / "alerts.yaml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": values} for name, values in series.items()
                ],
                "alert_rule_test": checks,
            }
        ],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump(test))
    tested = subprocess.run(
        ["promtool", "test", "rules", str(file)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    said = tested.stdout + tested.stderr
    fires: dict[str, int] = {}
    for alert, minute in re.findall(r"alertname: (\w+), time: (\w+),", said):
        fires.setdefault(alert, minutes(minute))
    assert bool(fires) == (tested.returncode != 0), said
    return fires


def minutes(time: str) -> int:
    """1h5m → 65."""
    hours, rest = re.match(r"(?:(\d+)h)?(?:(\d+)m)?", time).groups()  # type: ignore[union-attr]
    return int(hours or 0) * 60 + int(rest or 0)


def known_names() -> set[str]:
    """As Prometheus has them."""
    names = set()
    for metric in DECLARED.values():
        shown = metric.shown_name
        histogram = metric.kind is Kind.HISTOGRAM
        names |= {f"{shown}_{it}" for it in ("bucket", "count", "sum")} if histogram else {shown}
    return names
