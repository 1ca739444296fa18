"""The engine process, and what it does when a page is hostile or it is killed."""

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
from tasks.engine.client import EngineClient
from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.resources import build_engine
from tasks.settings import Settings
from tests.waiting import wait_until

HOSTILE = "tests.integration.hostile_child"
LIMITS = Settings(task_soft_time_limit=0.5, task_hard_time_limit=1.0, engine_memory_mb=256)


def a_request(deed: str, began: Path | None = None) -> ReadRequest:
    query = f"?{began}" if began else ""
    return ReadRequest(page=Page(url=f"http://site.example/{deed}{query}", body=b""))


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


def the_url(report: ReadReport) -> str:
    assert isinstance(report.outcome, Article)
    return report.outcome.url


async def pid_of_another(engine: EngineClient, pid: int | None) -> int:
    await wait_until(lambda: engine.pid not in (None, pid), "another engine to be ready")
    assert engine.pid is not None
    return engine.pid


@pytest.mark.parametrize(
    ("deed", "failure", "reason"),
    [
        ("spin", PermanentFailure, Reason.TIMED_OUT),
        ("hoard", PermanentFailure, Reason.OUT_OF_MEMORY),
        ("crash", TransientFailure, Reason.ENGINE_CRASHED),
    ],
)
async def test_a_hostile_page_fails_alone(
    engine: EngineClient,
    deed: str,
    failure: type[PermanentFailure | TransientFailure],
    reason: Reason,
) -> None:
    hostile = asyncio.create_task(engine.read(a_request(deed)))
    neighbours = [asyncio.create_task(engine.read(a_request(f"good/{n}"))) for n in range(5)]
    with pytest.raises(failure) as raised:
        await hostile
    assert raised.value.reason is reason
    assert [the_url(await one) for one in neighbours] == [
        f"http://site.example/good/{n}" for n in range(5)
    ]


async def test_after_a_hostile_page_there_is_another_engine(engine: EngineClient) -> None:
    await engine.read(a_request("good"))
    first = engine.pid
    with pytest.raises(PermanentFailure):
        await engine.read(a_request("hoard"))
    await pid_of_another(engine, first)


async def test_who_gives_up_a_spinning_page_frees_the_engine(
    engine: EngineClient, tmp_path: Path
) -> None:
    await engine.read(a_request("good"))
    first, began = engine.pid, tmp_path / "began"
    spinning = asyncio.create_task(engine.read(a_request("spin", began)))
    waiting = asyncio.create_task(engine.read(a_request("good")))
    await wait_until(began.exists, "the engine to begin on the page")
    spinning.cancel()
    assert the_url(await waiting) == "http://site.example/good"
    assert engine.pid != first


async def test_who_gives_up_a_quick_page_leaves_the_engine_alive(
    engine: EngineClient, tmp_path: Path
) -> None:
    await engine.read(a_request("good"))
    first, began = engine.pid, tmp_path / "began"
    given_up = asyncio.create_task(engine.read(a_request("slow", began)))
    await wait_until(began.exists, "the engine to begin on the page")
    given_up.cancel()
    await engine.read(a_request("good"))
    assert engine.pid == first


async def test_an_idle_engine_that_is_killed_is_not_missed(engine: EngineClient) -> None:
    await engine.read(a_request("good"))
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    report = await engine.read(a_request("good"))  # before anyone has noticed
    assert the_url(report) == "http://site.example/good"


async def test_a_killed_engine_is_replaced_before_it_is_needed(engine: EngineClient) -> None:
    await engine.read(a_request("good"))
    first = engine.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await pid_of_another(engine, first)


async def test_only_the_page_that_a_killed_engine_had_taken_is_blamed(
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
    assert the_url(await waiting) == "http://site.example/good"


async def test_of_those_that_shared_a_batch_only_the_culprit_is_blamed(
    engine: EngineClient,
) -> None:
    busy = asyncio.create_task(engine.read(a_request("slow")))
    studies = [
        asyncio.create_task(engine.study(a_study(title)))
        for title in ("one", "two", "crash", "three")
    ]
    await busy
    outcomes = await asyncio.gather(*studies, return_exceptions=True)
    failures = [one for one in outcomes if isinstance(one, BaseException)]
    assert failures == [outcomes[2]]
    assert isinstance(failures[0], TransientFailure)
    assert failures[0].reason is Reason.ENGINE_CRASHED


async def test_of_those_that_shared_a_batch_only_the_one_that_raises_fails(
    engine: EngineClient,
) -> None:
    busy = asyncio.create_task(engine.read(a_request("slow")))
    studies = [asyncio.create_task(engine.study(a_study(title))) for title in ("one", "raise")]
    await busy
    outcomes = await asyncio.gather(*studies, return_exceptions=True)
    assert isinstance(outcomes[0], StudyReport)
    assert isinstance(outcomes[1], PermanentFailure)
    assert outcomes[1].reason is Reason.INTERNAL_ERROR


async def test_what_is_given_up_while_the_engine_starts_never_reaches_it(
    engine: EngineClient, tmp_path: Path
) -> None:
    given_up = tmp_path / "given-up"
    waiting = asyncio.create_task(engine.read(a_request("good", given_up)))
    for _ in range(5):
        await asyncio.sleep(0)  # it is taken out of the line now
    waiting.cancel()
    await engine.read(a_request("good"))
    assert not given_up.exists()


async def test_an_engine_that_takes_nothing_is_replaced(engine: EngineClient) -> None:
    await engine.read(a_request("good"))
    first = engine.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    page = Page(url="http://site.example/good", body=bytes(8 << 20))
    assert the_url(await engine.read(ReadRequest(page=page))) == "http://site.example/good"
    assert engine.pid != first


async def test_what_is_given_up_in_the_line_never_reaches_the_engine(
    engine: EngineClient, tmp_path: Path
) -> None:
    began, given_up, later = (tmp_path / name for name in ("began", "given-up", "later"))
    busy = asyncio.create_task(engine.read(a_request("slow", began)))
    await wait_until(began.exists, "the engine to begin on the first page")
    waiting = asyncio.create_task(engine.read(a_request("good", given_up)))
    await asyncio.sleep(0)  # it stands in line now
    waiting.cancel()
    await busy
    await engine.read(a_request("good", later))
    assert later.exists()
    assert not given_up.exists()


async def test_an_engine_that_cannot_start_says_so() -> None:
    engine = build_engine(LIMITS, module="tests.integration.no_such_child")
    try:
        with pytest.raises(TransientFailure) as raised:
            await engine.read(a_request("good"))
        assert raised.value.reason is Reason.ENGINE_CRASHED
    finally:
        await engine.stop()


async def test_where_no_process_is_to_be_had_all_are_told_and_the_next_try_may_do(
    engine: EngineClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(tmp_path / "nowhere"))
        with pytest.raises(TransientFailure) as raised:
            await engine.read(a_request("good"))
    assert raised.value.reason is Reason.ENGINE_CRASHED
    assert the_url(await engine.read(a_request("good"))) == "http://site.example/good"


async def test_an_engine_that_is_stopped_before_it_is_used_is_ended() -> None:
    engine = build_engine(LIMITS, module=HOSTILE)
    started = await engine.start()
    await engine.stop()
    assert started.exit_status == -signal.SIGKILL
