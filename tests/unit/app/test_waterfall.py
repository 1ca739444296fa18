"""Where the time of a job went, from its spans."""

from __future__ import annotations

import pytest

from app.waterfall import MAX_ROWS, Part, Waterfall, waterfall
from tasks.telemetry.spans import FinishedSpan
from tests.spans import attempt, span


def of(*spans: FinishedSpan) -> Waterfall:
    found = waterfall(spans)
    assert found is not None
    return found


def test_nothing_has_run_yet() -> None:
    assert waterfall([]) is None
    assert waterfall([span("send topic_curation", 0, 0.1)]) is None


def test_the_parts_of_an_attempt_fill_its_time() -> None:
    analyse = attempt("analyse:0", 3, 10, waited=1, url__full="https://a.example/x")
    fetch = span("fetch", 3, 6, analyse, server__address="a.example")
    wait = span("wait for host", 3.5, 5, fetch, server__address="a.example")
    read = span("engine read", 6, 9, analyse, curator__engine__wait=2.0)
    found = of(
        span("send batch_analysis", 0, 0.1),
        attempt("discover", 1, 1.5, waited=0.8),
        *(analyse, fetch, wait, read, span("extract", 8.1, 8.9, read)),
    )
    row = found.attempts[1]
    assert [(part.part, part.start, part.seconds) for part in row.segments] == [
        (Part.QUEUE, 2, 1),
        (Part.FETCH, 3, 0.5),
        (Part.HOST, 3.5, 1.5),
        (Part.FETCH, 5, 1),
        (Part.LINE, 6, 2),
        (Part.ENGINE, 8, 1),
        (Part.OTHER, 9, 1),
    ]
    assert sum(part.seconds for part in row.segments) == row.waited + row.seconds
    assert dict(row.stages) == {"extract": pytest.approx(0.8)}
    assert (row.host, row.start, row.waited) == ("a.example", 2, 1)
    assert (found.seconds, found.started_after) == (10, 1)
    assert dict(found.parts)[Part.QUEUE] == pytest.approx(1.8)


def test_work_hides_waiting_beside_it() -> None:
    rank = attempt("rank", 0, 4)
    found = of(
        rank,
        span("engine study", 0, 2, rank, curator__engine__wait=0.0),
        span("engine study", 0, 4, rank, curator__engine__wait=3.0),
    )
    assert [(part.part, part.seconds) for part in found.attempts[0].segments] == [
        (Part.ENGINE, 2),
        (Part.LINE, 1),
        (Part.ENGINE, 1),
    ]


def test_hosts_are_ordered_by_what_they_cost() -> None:
    first = attempt("analyse:0", 0, 5)
    second = attempt("analyse:1", 0, 1)
    postponed = attempt(
        *("analyse:2", 0, 1),
        outcome="postponed",
        server__address="slow.example",
        curator__retry__delay=30.0,
    )
    fetches = [
        span("fetch", 0, 5, first, server__address="a.example"),
        span("fetch", 0, 1, second, server__address="b.example"),
        span("fetch", 0, 0.5, postponed, server__address="slow.example"),
    ]
    hosts = of(first, second, postponed, *fetches).hosts
    assert [(host.host, host.seconds, host.waited) for host in hosts] == [
        ("slow.example", 0.5, 30),
        ("a.example", 5, 0),
        ("b.example", 1, 0),
    ]


def test_a_large_job_folds_to_what_tells_most() -> None:
    ordinary = [attempt(f"analyse:{n}", n, n + 1 + n / 1000) for n in range(1000)]
    failed = attempt("analyse:0", 0, 0.1, outcome="failed", error="It is gone.", error__type="x")
    again = attempt("analyse:1", 5, 5.1, number=2)
    found = of(attempt("discover", 0, 0.1), failed, again, *ordinary, attempt("rank", 3000, 3001))
    assert len(found.attempts) == MAX_ROWS
    steps = [(each.step, each.number, each.outcome) for each in found.attempts]
    assert ("analyse:0", 1, "failed") in steps
    assert ("analyse:1", 2, "succeeded") in steps
    assert {"discover", "rank"} < {each.step for each in found.attempts}
    assert "analyse:999" in {each.step for each in found.attempts}
    assert found.folded is not None
    assert found.folded.count == 1004 - MAX_ROWS
    assert found.folded.slowest < 2


def test_what_another_release_wrote_breaks_nothing() -> None:
    odd = attempt("analyse:0", 1, 2, url__full="http://[", curator__queue__wait="long")
    loop = span("fetch", 1, 2, odd)
    assert waterfall([odd, loop, span("engine read", 0, 9, odd), loop]) is not None
