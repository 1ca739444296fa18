"""The figures of a siege, each beside its goal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles

from msgspec import Struct

from tests.bench.figure import Figure
from tests.bench.siege.aftermath import Aftermath
from tests.bench.siege.cell import MemoryGroup
from tests.bench.siege.plan import Attack, GoodCaller, Plan
from tests.bench.siege.watch import Watch, lateness_ms

MORE_SECONDS = 5.0
STATUS_MS = 100.0
UNKNOWN_MS = 10_000.0
"""Where no job was accepted, so that there was no status to ask for."""
WEB_MB = 150.0
LATE_MS = 250.0
FLAT_MB, FLAT_SHARE = 20.0, 0.1
"""Memory is flat where the last quarter of a siege has no more than this over the second."""

UNEXPECTED = ("request failed", "background loop failed", "unexpected error", "Traceback")
"""What the log says of faults of ours."""


class Siege(Struct, kw_only=True):
    """All that was seen."""

    plan: Plan
    group: MemoryGroup | None
    calm: GoodCaller
    good: GoodCaller
    attack: Attack
    watch: Watch
    since: float
    until: float
    """Of the siege itself, by `time.time()`."""
    folder: Path
    log: str
    kills: int
    """By the kernel, within the memory group."""
    peak_bytes: int
    aftermath: Aftermath
    exit_status: int | None
    """Of `curator up` after SIGTERM; None where it did not end."""
    left_processes: int
    left_files: list[str]


def figures(seen: Siege) -> Iterator[Figure]:
    yield from _attack(seen)
    yield from _good_caller(seen)
    yield from _machine(seen)
    yield from _aftermath(seen)


def _attack(seen: Siege) -> Iterator[Figure]:
    plan = seen.plan
    yield Figure(name="capacity", value=plan.articles_per_second, unit="articles/s")
    for name, count in seen.attack.articles.items():
        if name in ("jobs of 1", "jobs of 1,000"):
            times = count / plan.seconds / plan.articles_per_second
            yield Figure(name=f"submitted as {name}", value=times, unit="x capacity")
    for name, count in sorted(seen.attack.answers.items()):
        yield Figure(name=f"answers to {name}", value=count, unit="")
    yield _none("answers of 500 and above, but 503", len(seen.attack.faults), "")


def _good_caller(seen: Siege) -> Iterator[Figure]:
    calm = median(_seconds(seen.calm))
    goal = MORE_SECONDS + calm
    yield Figure(name="a job of 3 URLs, calm, median", value=calm, unit="s")
    times = _seconds(seen.good)
    yield Figure(name="the same under siege, median", value=median(times), unit="s")
    yield _at_most("the same under siege, 95th percentile", percentile(times, 95), goal, "s")
    failed = [job.problem for job in seen.good.jobs if job.problem]
    yield _none(f"failed, of {len(seen.good.jobs)} jobs", len(failed), "jobs")
    status = seen.good.status_ms or [UNKNOWN_MS]
    calm_status = percentile(seen.calm.status_ms, 99)
    yield Figure(name="status of a job, calm, 99th percentile", value=calm_status, unit="ms")
    yield Figure(
        name="status of a job under siege, median", value=percentile(status, 50), unit="ms"
    )
    name = "status of a job under siege, 99th percentile"
    yield _at_most(name, percentile(status, 99), STATUS_MS, "ms")


def _machine(seen: Siege) -> Iterator[Figure]:
    watch, since, until = seen.watch, seen.since, seen.until
    quarter = (until - since) / 4
    for role in ("web", "worker", "engine", "valkey"):
        rss = watch.rss_mb(role, since, until)
        name = f"memory of {role}, most"
        if role == "web":
            yield _at_most(name, max(rss), WEB_MB, "MB")
        else:
            yield Figure(name=name, value=max(rss), unit="MB")
        cores = watch.cores(role, since, until)
        yield Figure(name=f"processor time of {role}", value=cores, unit="cores")
        before = median(watch.rss_mb(role, since + quarter, since + 2 * quarter))
        after = median(watch.rss_mb(role, since + 3 * quarter, until))
        bound = max(FLAT_MB, FLAT_SHARE * before)
        yield _at_most(f"memory of {role}, growth", after - before, bound, "MB")
    if seen.group is not None:
        peak = seen.peak_bytes / 1e6
        yield Figure(name="memory of the cgroup with its files, most", value=peak, unit="MB")
    late = lateness_ms(seen.folder, "worker", since, until)
    yield _at_most("the worker's loop, latest", max(late, default=0.0), LATE_MS, "ms")
    late = lateness_ms(seen.folder, "web", since, until)
    yield Figure(name="web's loop, latest", value=max(late, default=0.0), unit="ms")
    yield _none("killed by the kernel for memory", seen.kills, "processes")
    for role in ("web", "worker", "valkey"):
        yield _none(f"{role} started again", watch.replacements(role), "times")
    yield _none("engines lost", seen.log.count("the engine was lost"), "times")
    for words in UNEXPECTED:
        yield _none(f"in the log: {words}", seen.log.count(words), "times")


def _aftermath(seen: Siege) -> Iterator[Figure]:
    after = seen.aftermath
    accepted = len(set(seen.attack.accepted))
    yield Figure(name="jobs of attackers answered with 202", value=accepted, unit="jobs")
    yield Figure(name="jobs cancelled afterwards", value=after.cancelled, unit="jobs")
    yield Figure(name="schedules deleted afterwards", value=after.schedules, unit="")
    yield Figure(name="calls for that", value=after.cancel_calls, unit="calls")
    yield Figure(name="the longest of them", value=after.longest_call_ms, unit="ms")
    yield Figure(name="until no job was active", value=after.seconds, unit="s")
    yield _none("accepted, but unknown", after.lost, "jobs")
    yield _none("accepted, but without an end", after.not_final, "jobs")
    yield _none("active after the end", after.active, "jobs")
    yield _none("problems that curator doctor finds", len(after.problems), "")
    yield _none("connections to web that remain", after.connections, "")
    ended = seen.exit_status == 0
    yield Figure(name="curator up ends with 0", value=float(ended), unit="", goal="1", met=ended)
    yield _none("processes that remain", seen.left_processes, "")
    yield _none("files that remain", len(seen.left_files), "")


def _seconds(caller: GoodCaller) -> list[float]:
    return [job.seconds for job in caller.jobs]


def percentile(values: Sequence[float], percent: int) -> float:
    if len(values) < 2:
        return max(values, default=0.0)
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _none(name: str, value: float, unit: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, goal="0", met=value == 0)


def _at_most(name: str, value: float, bound: float, unit: str) -> Figure:
    goal = f"<= {bound:.4g} {unit}"
    return Figure(name=name, value=value, unit=unit, goal=goal, met=value <= bound)
