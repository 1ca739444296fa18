"""The engine of a worker, when a page is hostile, and when its process is killed."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.article import Article, Page
from tasks.engine.client import LEAVE_SECONDS, EngineClient
from tasks.engine.process import LeftEngine
from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.resources import build_engine
from tasks.settings import Settings
from tasks.sources.feeds import FeedSource
from tests.unit.sources.web import PlayedWeb, rss
from tests.waiting import wait_until

HOSTILE = "tests.integration.hostile_engine"
LIMITS = Settings(task_soft_time_limit=0.5, task_hard_time_limit=1.0, engine_memory_mb=256)


def a_request(behaviour: str, began: Path | None = None) -> ReadRequest:
    query = f"?{began}" if began else ""
    return ReadRequest(page=Page(url=f"http://site.example/{behaviour}{query}", body=b""))


def a_study(title: str) -> StudyRequest:
    url = f"http://site.example/{title}"
    article = Article(
        url=url, canonical_url=url, domain="site.example", title=title, text=title, word_count=1
    )
    return StudyRequest(article=article, now=dt.datetime.now(dt.UTC))


@pytest.fixture
async def engine() -> AsyncIterator[EngineClient]:
    engine = build_engine(LIMITS, module=HOSTILE)
    try:
        yield engine
    finally:
        await engine.stop()


def url_of(report: ReadReport) -> str:
    assert isinstance(report.outcome, Article)
    return report.outcome.url


async def pid_of_next_engine(engine: EngineClient, pid: int | None) -> int:
    await wait_until(lambda: engine.pid not in (None, pid), "the next engine to be ready")
    assert engine.pid is not None
    return engine.pid


@pytest.mark.parametrize(
    ("behaviour", "failure", "reason"),
    [
        ("spin", PermanentFailure, Reason.TIMED_OUT),
        ("hoard", PermanentFailure, Reason.OUT_OF_MEMORY),
        ("crash", TransientFailure, Reason.ENGINE_CRASHED),
    ],
)
async def test_a_hostile_page_fails_alone(
    engine: EngineClient,
    behaviour: str,
    failure: type[PermanentFailure | TransientFailure],
    reason: Reason,
) -> None:
    hostile = asyncio.create_task(engine.read(a_request(behaviour)))
    neighbours = [asyncio.create_task(engine.read(a_request(f"good/{n}"))) for n in range(5)]
    with pytest.raises(failure) as raised:
        await hostile
    assert raised.value.reason is reason
    assert [url_of(await neighbour) for neighbour in neighbours] == [
        f"http://site.example/good/{n}" for n in range(5)
    ]


async def test_after_a_hostile_page_there_is_another_engine(engine: EngineClient) -> None:
    await engine.read(a_request("good"))
    first = engine.pid
    with pytest.raises(PermanentFailure):
        await engine.read(a_request("hoard"))
    await pid_of_next_engine(engine, first)


async def test_a_spinning_page_whose_caller_gives_up_is_killed(
    engine: EngineClient, tmp_path: Path
) -> None:
    await engine.read(a_request("good"))
    first, began = engine.pid, tmp_path / "began"
    spinning = asyncio.create_task(engine.read(a_request("spin", began)))
    waiting = asyncio.create_task(engine.read(a_request("good")))
    await wait_until(began.exists, "the engine to begin on the page")
    spinning.cancel()
    assert url_of(await waiting) == "http://site.example/good"
    assert engine.pid != first


async def test_a_quick_page_whose_caller_gives_up_leaves_the_engine_alive(
    engine: EngineClient, tmp_path: Path
) -> None:
    await engine.read(a_request("good"))
    first, began = engine.pid, tmp_path / "began"
    abandoned = asyncio.create_task(engine.read(a_request("slow", began)))
    await wait_until(began.exists, "the engine to begin on the page")
    abandoned.cancel()
    await engine.read(a_request("good"))
    assert engine.pid == first


async def test_a_request_right_after_an_idle_engine_was_killed_succeeds(
    engine: EngineClient,
) -> None:
    await engine.read(a_request("good"))
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    report = await engine.read(a_request("good"))  # before the supervisor notices
    assert url_of(report) == "http://site.example/good"


async def test_a_killed_engine_is_replaced_before_it_is_needed(engine: EngineClient) -> None:
    await engine.read(a_request("good"))
    first = engine.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await pid_of_next_engine(engine, first)


async def test_only_the_page_in_progress_fails_when_the_engine_is_killed(
    engine: EngineClient, tmp_path: Path
) -> None:
    await engine.read(a_request("good"))
    began = tmp_path / "began"
    working = asyncio.create_task(engine.read(a_request("spin", began)))
    waiting = asyncio.create_task(engine.read(a_request("good")))
    await wait_until(began.exists, "the engine to begin on the page")
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(TransientFailure) as raised:
        await working
    assert raised.value.reason is Reason.ENGINE_CRASHED
    assert url_of(await waiting) == "http://site.example/good"


async def test_only_the_study_that_kills_the_engine_fails_in_a_shared_batch(
    engine: EngineClient,
) -> None:
    busy = asyncio.create_task(engine.read(a_request("slow")))
    studies = [
        asyncio.create_task(engine.study(a_study(title)))
        for title in ("one", "two", "crash", "three")
    ]
    await busy
    outcomes = await asyncio.gather(*studies, return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert failures == [outcomes[2]]
    assert isinstance(failures[0], TransientFailure)
    assert failures[0].reason is Reason.ENGINE_CRASHED


async def test_only_the_study_that_raises_fails_in_a_shared_batch(
    engine: EngineClient,
) -> None:
    busy = asyncio.create_task(engine.read(a_request("slow")))
    studies = [asyncio.create_task(engine.study(a_study(title))) for title in ("one", "raise")]
    await busy
    outcomes = await asyncio.gather(*studies, return_exceptions=True)
    assert isinstance(outcomes[0], StudyReport)
    assert isinstance(outcomes[1], PermanentFailure)
    assert outcomes[1].reason is Reason.INTERNAL_ERROR


async def test_a_page_abandoned_while_the_engine_starts_never_reaches_it(
    engine: EngineClient, tmp_path: Path
) -> None:
    reached = tmp_path / "reached"
    waiting = asyncio.create_task(engine.read(a_request("good", reached)))
    for _ in range(5):
        await asyncio.sleep(0)  # it is in the first batch now
    waiting.cancel()
    await engine.read(a_request("good"))
    assert not reached.exists()


async def test_an_engine_that_stops_receiving_is_replaced(engine: EngineClient) -> None:
    await engine.read(a_request("good"))
    first = engine.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    page = Page(url="http://site.example/good", body=bytes(8 << 20))
    assert url_of(await engine.read(ReadRequest(page=page))) == "http://site.example/good"
    assert engine.pid != first


async def test_a_page_abandoned_in_the_queue_never_reaches_the_engine(
    engine: EngineClient, tmp_path: Path
) -> None:
    began, reached, later = (tmp_path / name for name in ("began", "reached", "later"))
    busy = asyncio.create_task(engine.read(a_request("slow", began)))
    await wait_until(began.exists, "the engine to begin on the first page")
    waiting = asyncio.create_task(engine.read(a_request("good", reached)))
    await asyncio.sleep(0)  # it is in the queue now
    waiting.cancel()
    await busy
    await engine.read(a_request("good", later))
    assert later.exists()
    assert not reached.exists()


async def test_an_engine_that_cannot_start_fails_the_request() -> None:
    engine = build_engine(LIMITS, module="tests.integration.no_such_engine")
    try:
        with pytest.raises(TransientFailure) as raised:
            await engine.read(a_request("good"))
        assert raised.value.reason is Reason.ENGINE_CRASHED
    finally:
        await engine.stop()


async def test_without_a_process_requests_fail_and_a_later_one_may_succeed(
    engine: EngineClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(tmp_path / "no-such-python"))
        with pytest.raises(TransientFailure) as raised:
            await engine.read(a_request("good"))
    assert raised.value.reason is Reason.ENGINE_CRASHED
    assert url_of(await engine.read(a_request("good"))) == "http://site.example/good"


async def test_an_engine_that_is_stopped_before_it_is_used_is_ended() -> None:
    engine = build_engine(LIMITS, module=HOSTILE)
    started = await engine.start()
    await engine.stop()
    assert started.exit_status == -signal.SIGKILL


async def test_an_engine_is_left_to_the_next_worker(engine: EngineClient) -> None:
    await engine.read(a_request("good"))
    left = await engine.leave()
    assert left is not None
    await engine.stop()
    with pytest.raises(TransientFailure):
        await engine.read(a_request("good"))

    successor = build_engine(LIMITS, module=HOSTILE, left=left)
    try:
        assert url_of(await successor.read(a_request("good"))) == "http://site.example/good"
        assert successor.pid == left.pid
        os.kill(left.pid, signal.SIGKILL)  # its end is noticed, although another has started it
        await pid_of_next_engine(successor, left.pid)
        assert url_of(await successor.read(a_request("good"))) == "http://site.example/good"
    finally:
        await successor.stop()


async def test_a_left_engine_that_has_ended_meanwhile_is_replaced(engine: EngineClient) -> None:
    await engine.read(a_request("good"))
    left = await engine.leave()
    assert left is not None
    os.kill(left.pid, signal.SIGKILL)
    successor = build_engine(LIMITS, module=HOSTILE, left=left)
    try:
        assert url_of(await successor.read(a_request("good"))) == "http://site.example/good"
        assert successor.pid != left.pid
    finally:
        await successor.stop()


async def test_what_was_left_may_be_no_engine() -> None:
    successor = build_engine(LIMITS, module=HOSTILE, left=LeftEngine(1, 9999, 0))
    try:
        assert url_of(await successor.read(a_request("good"))) == "http://site.example/good"
    finally:
        await successor.stop()


async def test_an_engine_that_ends_its_last_task_is_left(
    engine: EngineClient, tmp_path: Path
) -> None:
    await engine.read(a_request("good"))
    began = tmp_path / "began"
    last = asyncio.create_task(engine.read(a_request("slow", began)))
    await wait_until(began.exists, "the engine to begin on the page")
    left = await engine.leave()
    assert url_of(await last).startswith("http://site.example/slow")
    assert left is not None
    os.kill(left.pid, signal.SIGKILL)


async def test_an_engine_that_is_still_started_is_left_when_it_is_ready(
    engine: EngineClient,
) -> None:
    starting = engine.start()
    left = await engine.leave()
    assert left is not None
    assert left.pid == (await starting).pid
    os.kill(left.pid, signal.SIGKILL)


async def test_an_engine_that_still_loads_models_is_left_when_it_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a worker that is replaced would have the next one load them from the beginning."""
    loading, began = tmp_path / "loading", tmp_path / "began"
    loading.touch()
    monkeypatch.setenv("LOADING", str(loading))
    engine = build_engine(Settings(task_hard_time_limit=60.0), module=HOSTILE)
    reading = asyncio.create_task(engine.read(a_request("rest", began)))
    await wait_until(began.exists, "the engine to begin on the page")
    pid = engine.pid
    reading.cancel()
    leaving = asyncio.create_task(engine.leave())
    await asyncio.wait({leaving}, timeout=2 * LEAVE_SECONDS)
    assert not leaving.done()
    loading.unlink()
    left = await asyncio.wait_for(leaving, 20)
    assert left is not None
    assert left.pid == pid
    os.kill(left.pid, signal.SIGKILL)


async def test_an_engine_that_still_works_is_not_left(tmp_path: Path) -> None:
    engine = build_engine(Settings(task_hard_time_limit=60.0), module=HOSTILE)
    await engine.read(a_request("good"))
    pid, began = engine.pid, tmp_path / "began"
    spinning = asyncio.create_task(engine.read(a_request("spin", began)))
    await wait_until(began.exists, "the engine to begin on the page")
    assert await engine.leave() is None
    with pytest.raises(TransientFailure):
        await spinning
    await engine.stop()
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_an_engine_that_has_grown_is_not_left(
    engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.read(a_request("good"))
    left = await engine.leave()
    assert left is not None
    monkeypatch.setattr("tasks.engine.supervisor.MAX_GROWTH_BYTES", -(2**40))
    successor = build_engine(LIMITS, module=HOSTILE, left=left)
    await successor.read(a_request("good"))
    assert await successor.leave() is None
    await successor.stop()


async def test_an_engine_leaves_no_files_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime would leave an id of this machine and a queue of reports to its maker."""
    for variable in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    engine = build_engine(Settings())
    try:
        await engine.study(a_study("Rain"))
    finally:
        await engine.stop()
    assert files_in(tmp_path) == []


def files_in(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


@pytest.mark.parametrize("behaviour", ["spin", "hoard", "crash"])
async def test_a_hostile_feed_costs_its_neighbours_nothing(
    engine: EngineClient, behaviour: str
) -> None:
    hostile = f"https://a.example/{behaviour}"
    entries = [(f"https://b.example/{number}", "Solar power") for number in range(3)]
    web = PlayedWeb({hostile: rss(), "https://b.example/feed": rss(*entries)})
    source = FeedSource(web, engine, [hostile, "https://b.example/feed"])
    findings = await source.find("solar power", 10)
    assert [candidate.url for candidate in findings.candidates] == [url for url, _ in entries]
