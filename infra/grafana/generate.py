"""Writes `dashboards/*.json` from what stands here: `python infra/grafana/generate.py [--check]`.

Needs grafana-foundation-sdk (requirements-infra.txt); `scripts/check-infra` runs it with --check,
which writes nothing and fails where a file is out of date. Grafana reads the JSON files.

Several webs show the same ledger, so its metrics are taken as the maximum over webs (`shared`,
`grown`), and what is a process's own is summed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    DataSourceRef,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, VariableRefresh

FOLDER = Path(__file__).parent / "dashboards"

SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")

TYPE = 'type="$type"'


@dataclass(frozen=True)
class Line:
    """One query of a panel, and the name of its series."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    title: str
    description: str
    unit: str
    lines: tuple[Line, ...]
    number: bool = False
    """Whether it shows the latest value, and not a graph."""


@dataclass(frozen=True)
class Page:
    """One dashboard."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    of_one_type: bool = False
    """Whether a type of job is chosen on it."""


def rate(metric: str, *by: str, where: str = "") -> str:
    """Of a process's own counter."""
    return f"sum by ({', '.join(by)}) (rate({_chosen(metric, where)}[$__rate_interval]))"


def shared(metric: str, *labels: str, where: str = "") -> str:
    """A gauge of the ledger with all its labels."""
    return f"max by ({', '.join(labels)}) ({_chosen(metric, where)})"


def grown(metric: str, *labels: str, where: str = "") -> str:
    """The growth in a second of a counter of the ledger, with all its labels."""
    return f"max by ({', '.join(labels)}) (rate({_chosen(metric, where)}[$__rate_interval]))"


def _chosen(metric: str, where: str) -> str:
    return f"{metric}{{{where}}}" if where else metric


def quantile(share: float, metric: str, *by: str, where: str = "") -> str:
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', 'le', *by, where=where)})"


def mean(metric: str, *by: str, where: str = "") -> str:
    total, count = (rate(f"{metric}_{part}", *by, where=where) for part in ("sum", "count"))
    return f"{total} / ({count} > 0)"


ACTIVE = 'state=~"WAITING|PENDING|PROGRESS"'

OVERVIEW = Page(
    "curator-overview",
    "Curator: overview",
    (
        Panel(
            "Active jobs",
            "Jobs that have not ended.",
            "short",
            (Line(f"sum({shared('curator_jobs', 'type', 'state', where=ACTIVE)})", "jobs"),),
            number=True,
        ),
        Panel(
            "Oldest queued step",
            "How long it has waited.",
            "s",
            (Line("max(curator_queue_oldest_seconds)", "oldest"),),
            number=True,
        ),
        Panel(
            "Workers",
            "Those that report, and how many are wanted.",
            "short",
            (
                Line("max(curator_workers)", "there"),
                Line("max(curator_workers_wanted)", "wanted"),
            ),
            number=True,
        ),
        Panel(
            "The ledger",
            "1 where some web can read it.",
            "short",
            (Line("max(curator_ledger_up)", "up"),),
            number=True,
        ),
        Panel(
            "Jobs by state",
            "Ended ones until their record expires.",
            "short",
            (Line(f"sum by (state) ({shared('curator_jobs', 'type', 'state')})", "{{state}}"),),
        ),
        Panel(
            "Jobs that ended",
            "In a minute.",
            "short",
            (
                Line(
                    "60 * sum by (state) "
                    f"({grown('curator_jobs_ended_total', 'type', 'state', 'reason')})",
                    "{{state}}",
                ),
            ),
        ),
        Panel(
            "Queued steps",
            "By priority.",
            "short",
            (Line(shared("curator_queue_depth", "priority"), "{{priority}}"),),
        ),
        Panel(
            "Age of the oldest queued step",
            "By priority.",
            "s",
            (Line(shared("curator_queue_oldest_seconds", "priority"), "{{priority}}"),),
        ),
        Panel(
            "Steps",
            "Attempts that ended, in a second.",
            "short",
            (Line(rate("curator_step_duration_seconds_count", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Attempts that did not succeed at once",
            "In an hour. `lost`: the worker died or was cut off.",
            "short",
            (
                Line(
                    "3600 * sum by (outcome) "
                    f"({grown('curator_attempts_total', 'step', 'outcome', 'reason')})",
                    "{{outcome}}",
                ),
                Line("3600 * max(rate(curator_wakeups_lost_total[$__rate_interval]))", "wake-up"),
            ),
        ),
        Panel(
            "Requests",
            "To web, in a second.",
            "reqps",
            (
                Line(
                    rate("http_server_request_duration_seconds_count", "http_response_status_code"),
                    "{{http_response_status_code}}",
                ),
            ),
        ),
        Panel(
            "Memory of Redis",
            "And its limit, where it has one.",
            "bytes",
            (
                Line("max(curator_redis_memory_bytes)", "used"),
                Line("max(curator_redis_memory_limit_bytes) or vector(0)", "limit"),
            ),
        ),
    ),
)

JOB_TYPE = Page(
    "curator-job-type",
    "Curator: one type of job",
    (
        Panel(
            "Jobs",
            "Submitted, and ended by state, in a minute.",
            "short",
            (
                Line(
                    f"60 * {grown('curator_jobs_submitted_total', 'type', where=TYPE)}", "submitted"
                ),
                Line(
                    "60 * sum by (state) ("
                    + grown("curator_jobs_ended_total", "type", "state", "reason", where=TYPE)
                    + ")",
                    "{{state}}",
                ),
            ),
        ),
        Panel(
            "Jobs now",
            "By state; ended ones until their record expires.",
            "short",
            (Line(shared("curator_jobs", "state", where=TYPE), "{{state}}"),),
        ),
        Panel(
            "How long steps take",
            "Half of the attempts take at most this.",
            "s",
            (Line(quantile(0.5, "curator_step_duration_seconds", "step", where=TYPE), "{{step}}"),),
        ),
        Panel(
            "How long slow steps take",
            "95 of 100 attempts take at most this.",
            "s",
            (
                Line(
                    quantile(0.95, "curator_step_duration_seconds", "step", where=TYPE), "{{step}}"
                ),
            ),
        ),
        Panel(
            "Attempts",
            "In a second, by what became of them.",
            "short",
            (
                Line(
                    rate("curator_step_duration_seconds_count", "step", "outcome", where=TYPE),
                    "{{step}} {{outcome}}",
                ),
            ),
        ),
        Panel(
            "Why attempts did not succeed",
            "In an hour.",
            "short",
            (
                Line(
                    f"3600 * {rate('curator_step_failures_total', 'reason', where=TYPE)}",
                    "{{reason}}",
                ),
            ),
        ),
    ),
    of_one_type=True,
)

WORKERS = Page(
    "curator-workers",
    "Curator: workers",
    (
        Panel(
            "Slots",
            "All of them, and those that run a step.",
            "short",
            (
                Line("sum(curator_slots)", "slots"),
                Line("sum(curator_steps_running)", "running"),
            ),
        ),
        Panel(
            "Workers",
            "Those that report, those that serve metrics, and how many are wanted.",
            "short",
            (
                Line("max(curator_workers)", "there"),
                Line("max(curator_workers_metered)", "serve metrics"),
                Line("max(curator_workers_wanted)", "wanted"),
                Line("max(curator_scaling_wanted)", "wanted at the moment"),
            ),
        ),
        Panel(
            "Processor",
            "Cores in use; `engine`: the child process that analyses.",
            "short",
            (Line(rate("curator_process_cpu_seconds_total", "job", "part"), "{{job}} {{part}}"),),
        ),
        Panel(
            "Memory",
            "Resident, of each process.",
            "bytes",
            (Line("curator_process_memory_bytes", "{{instance}} {{part}}"),),
        ),
        Panel(
            "The engine's work",
            "The share of the time in which engines work on batches; 1 is one engine.",
            "short",
            (Line(rate("curator_engine_busy_seconds_total", "instance"), "{{instance}}"),),
        ),
        Panel(
            "The engine's line",
            "Tasks that wait for the engine or run in it.",
            "short",
            (Line("curator_engine_pending", "{{instance}}"),),
        ),
        Panel(
            "Engines",
            "Starts, and batches by how they ended, in an hour.",
            "short",
            (
                Line(
                    f"3600 * {rate('curator_engine_starts_total', 'outcome')}", "start {{outcome}}"
                ),
                Line(
                    f"3600 * {rate('curator_engine_batches_total', 'outcome')}",
                    "batch {{outcome}}",
                ),
            ),
        ),
        Panel(
            "Stages of an analysis",
            "The mean of each.",
            "s",
            (Line(mean("curator_stage_duration_seconds", "stage"), "{{stage}}"),),
        ),
        Panel(
            "How late event loops are",
            "99 of 100 measurements are at most this; beyond 0.5 s a renewal of leases is missed.",
            "s",
            (Line(quantile(0.99, "curator_loop_lag_seconds", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Supervised loops",
            "Those that wait for a restart, and restarts in an hour.",
            "short",
            (
                Line("count(curator_background_running == 0) or vector(0)", "waiting"),
                Line(
                    "3600 * sum(rate(curator_background_restarts_total[$__rate_interval])) "
                    "or vector(0)",
                    "restarts",
                ),
            ),
        ),
    ),
)

SOURCES = Page(
    "curator-sources",
    "Curator: sources and sites",
    (
        Panel(
            "Searches in sources",
            "In an hour, by outcome.",
            "short",
            (
                Line(
                    f"3600 * {rate('curator_source_searches_total', 'source', 'outcome')}",
                    "{{source}} {{outcome}}",
                ),
            ),
        ),
        Panel(
            "Candidates",
            "That sources found, in an hour.",
            "short",
            (Line(f"3600 * {rate('curator_source_candidates_total', 'source')}", "{{source}}"),),
        ),
        Panel(
            "Fetches",
            "In a second, by outcome.",
            "short",
            (Line(rate("curator_fetches_total", "kind", "outcome"), "{{kind}} {{outcome}}"),),
        ),
        Panel(
            "How long fetches take",
            "With all waits: half of them, and 95 of 100, take at most this.",
            "s",
            (
                Line(quantile(0.5, "curator_fetch_duration_seconds", "kind"), "half, {{kind}}"),
                Line(quantile(0.95, "curator_fetch_duration_seconds", "kind"), "95 %, {{kind}}"),
            ),
        ),
        Panel(
            "Waits for sites",
            "How long requests wait in their worker until their site's limits let them go.",
            "s",
            (
                Line(quantile(0.5, "curator_host_wait_seconds"), "half"),
                Line(quantile(0.95, "curator_host_wait_seconds"), "95 %"),
            ),
        ),
        Panel(
            "Refused by robots.txt",
            "In an hour.",
            "short",
            (
                Line(
                    "3600 * sum(rate(curator_fetches_total"
                    '{outcome="robots_denied"}[$__rate_interval])) or vector(0)',
                    "pages",
                ),
            ),
        ),
        Panel(
            "Bytes",
            "That sites sent, in a second.",
            "Bps",
            (Line("sum(rate(curator_fetched_bytes_total[$__rate_interval]))", "bodies"),),
        ),
    ),
)

ARTICLES = grown("curator_articles_total", "outcome")

COST = Page(
    "curator-cost",
    "Curator: cost",
    (
        Panel(
            "Processor time of an article",
            "Of all processes, over the articles of jobs that ended in this time.",
            "s",
            (
                Line(
                    f"{rate('curator_process_cpu_seconds_total', 'part')} "
                    f"/ on () group_left () (sum({ARTICLES}) > 0)",
                    "{{part}}",
                ),
            ),
        ),
        Panel(
            "Articles",
            "Of ended jobs, in a minute.",
            "short",
            (Line(f"60 * {ARTICLES}", "{{outcome}}"),),
        ),
        Panel(
            "Found in the caches",
            "The share of lookups.",
            "percentunit",
            (
                Line(
                    rate("curator_cache_lookups_total", "cache", where='outcome="hit"')
                    + " / "
                    + rate("curator_cache_lookups_total", "cache"),
                    "{{cache}}",
                ),
            ),
        ),
        Panel(
            "Size of the caches",
            "In Redis.",
            "bytes",
            (Line(shared("curator_cache_size_bytes", "cache"), "{{cache}}"),),
        ),
        Panel(
            "Traffic of the caches",
            "In a second.",
            "Bps",
            (
                Line(
                    rate("curator_cache_traffic_bytes_total", "cache", "direction"),
                    "{{cache}} {{direction}}",
                ),
            ),
        ),
        Panel(
            "Tokens",
            "That engines worked on, in a second; a page counts as 256.",
            "short",
            (Line("sum(rate(curator_engine_tokens_total[$__rate_interval]))", "tokens"),),
        ),
        Panel(
            "Workers that are paid for",
            "The mean number of the last hour, and that of the wanted ones.",
            "short",
            (
                Line("max(avg_over_time(curator_workers[1h]))", "there"),
                Line("max(avg_over_time(curator_workers_wanted[1h]))", "wanted"),
            ),
        ),
        Panel(
            "What jobs take",
            "As it counts for the quotas.",
            "bytes",
            (Line("max(curator_ledger_kept_bytes)", "jobs"),),
        ),
    ),
)

OF_INTERVALS = ("auto", "auto_count", "auto_min")
"""What the SDK writes to variables of other kinds too, which Grafana's schema does not know."""

PAGES = (OVERVIEW, JOB_TYPE, WORKERS, SOURCES, COST)


def rendered(page: Page) -> str:
    """The JSON that Grafana reads."""
    board = (
        dashboard.Dashboard(page.title)
        .uid(page.uid)
        .tags(["curator"])
        .timezone("browser")
        .refresh("30s")
        .time("now-3h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Source").type("prometheus")
        )
    )
    if page.of_one_type:
        board.with_variable(
            dashboard.QueryVariable("type")
            .label("Type of job")
            .query("label_values(curator_jobs, type)")
            .datasource(SOURCE)
            .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        )
    for panel in page.panels:
        board.with_panel(_panel(panel))
    built = json.loads(json.dumps(board.build(), cls=JSONEncoder))
    for variable in built["templating"]["list"]:
        for name in OF_INTERVALS:
            variable.pop(name, None)
    return json.dumps(built, indent=2, sort_keys=True) + "\n"


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    kind = stat.Panel() if panel.number else _graph()
    kind.title(panel.title).description(panel.description).unit(panel.unit).datasource(SOURCE)
    kind.min(0).height(4 if panel.number else 8).span(6 if panel.number else 12)
    for query in _queries(panel):
        kind.with_target(query)
    return kind


def _graph() -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM)
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
    return timeseries.Panel().legend(legend.display_mode(LegendDisplayMode.LIST)).tooltip(tooltip)


def _queries(panel: Panel) -> Iterator[prometheus.Dataquery]:
    for name, line in zip("ABCDEFGH", panel.lines, strict=False):
        query = prometheus.Dataquery().ref_id(name).expr(line.expr).legend_format(line.legend)
        yield query.instant() if panel.number else query.range()


def main() -> None:
    check = sys.argv[1:] == ["--check"]
    for page in PAGES:
        file, text = FOLDER / f"{page.uid.removeprefix('curator-')}.json", rendered(page)
        if check and file.read_text() != text:
            sys.exit(f"{file} is out of date: run infra/grafana/generate.py")
        if not check:
            file.write_text(text)


if __name__ == "__main__":
    main()
