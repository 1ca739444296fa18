"""What has queued up is one batch, within the budget of tokens."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools

import pytest

from nlp.analysis import ReadRequest, StudyRequest, Weights
from nlp.article import Article, Page
from nlp.decision import SelectionPolicy, SurveyRequest
from tasks.engine.batching import BATCH_TOKENS, Ask, Line
from tasks.engine.protocol import ReadTask, StudyTask, SurveyTask

numbers = itertools.count()


def a_page() -> Ask:
    return Ask(ReadTask(next(numbers), ReadRequest(page=Page(url="http://a.example/", body=b""))))


def a_study(chars: int) -> Ask:
    url = "http://a.example/"
    article = Article(
        url=url,
        canonical_url=url,
        domain="a.example",
        title="",
        text="x" * chars,
        word_count=1,
    )
    request = StudyRequest(article=article, now=dt.datetime.now(dt.UTC))
    return Ask(StudyTask(next(numbers), request))


def a_survey() -> Ask:
    request = SurveyRequest(evidence=(), query=None, policy=SelectionPolicy(), weights=Weights())
    return Ask(SurveyTask(next(numbers), request))


async def taken(line: Line) -> list[Ask]:
    async with asyncio.timeout(5):
        return await line.batch()


async def test_what_has_queued_up_is_one_batch_in_its_order() -> None:
    line, asks = Line(), [a_page(), a_study(100), a_study(10_000)]
    for ask in asks:
        line.join(ask)
    assert await taken(line) == asks


async def test_the_budget_bounds_a_batch_and_nobody_is_left_behind() -> None:
    line, asks = Line(), [a_study(100_000) for _ in range(20)]
    for ask in asks:
        line.join(ask)
    batches = [await taken(line) for _ in range(3)]
    assert [ask for batch in batches for ask in batch] == asks
    for batch in batches:
        assert sum(ask.tokens for ask in batch) <= BATCH_TOKENS


async def test_short_texts_share_a_batch_that_long_ones_would_fill() -> None:
    line, asks = Line(), [a_study(40) for _ in range(100)]
    for ask in asks:
        line.join(ask)
    assert len(await taken(line)) == 100


async def test_a_survey_is_a_batch_of_its_own() -> None:
    line, asks = Line(), [a_study(10), a_survey(), a_study(10)]
    for ask in asks:
        line.join(ask)
    assert [len(await taken(line)) for _ in range(3)] == [1, 1, 1]


async def test_a_suspect_is_alone() -> None:
    line, asks = Line(), [a_study(10), a_study(10), a_study(10)]
    asks[1].alone = True
    for ask in asks:
        line.join(ask)
    assert [await taken(line) for _ in range(3)] == [[ask] for ask in asks]


async def test_who_comes_back_stands_in_front_in_the_old_order() -> None:
    line, asks = Line(), [a_page() for _ in range(4)]
    line.join(asks[3])
    line.rejoin(asks[:3])
    assert await taken(line) == asks


async def test_who_has_given_up_is_passed_over() -> None:
    line, asks = Line(), [a_page() for _ in range(3)]
    for ask in asks:
        line.join(ask)
    asks[0].give_up()
    assert await taken(line) == asks[1:]
    asks[1].give_up()
    line.rejoin([asks[1], asks[2]])
    assert await taken(line) == [asks[2]]


async def test_an_empty_line_is_waited_for() -> None:
    line = Line()
    waiting = asyncio.create_task(line.batch())
    await asyncio.sleep(0)
    assert not waiting.done()
    ask = a_page()
    line.join(ask)
    assert await waiting == [ask]


async def test_a_failure_reaches_who_waits() -> None:
    ask = a_page()
    waiting = asyncio.create_task(ask.outcome())
    await asyncio.sleep(0)
    ask.begin()
    ask.fail(ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        await waiting
