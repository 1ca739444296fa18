"""An engine without a process, and tasks for it."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools

from nlp.analysis import ReadRequest, StudyRequest, Weights
from nlp.article import Article, Page
from nlp.decision import SelectionPolicy, SurveyRequest
from tasks.engine.batching import PendingTask
from tasks.engine.process import EngineHandle
from tasks.engine.protocol import Batch, ReadTask, Reply, StudyTask, SurveyTask

URL = "http://a.example/"

numbers = itertools.count()


class ScriptedEngine(EngineHandle):
    """Sends the replies that a test puts into its queue."""

    def __init__(self) -> None:
        self.replies: asyncio.Queue[Reply] = asyncio.Queue()
        self.batches = 0
        self.killed = False
        self.loaded = True

    @property
    def exit_status(self) -> int | None:
        return -9 if self.killed else None

    async def send(self, batch: Batch) -> None:
        self.batches += 1

    async def receive(self) -> Reply:
        return await self.replies.get()

    async def kill(self) -> None:
        self.killed = True


def a_read_request() -> ReadRequest:
    return ReadRequest(page=Page(url=URL, body=b""))


def a_page() -> PendingTask:
    return PendingTask(ReadTask(next(numbers), a_read_request()))


def a_study(chars: int) -> PendingTask:
    article = Article(
        url=URL,
        canonical_url=URL,
        domain="a.example",
        title="",
        text="x" * chars,
        word_count=1,
    )
    request = StudyRequest(article=article, now=dt.datetime.now(dt.UTC))
    return PendingTask(StudyTask(next(numbers), request))


def a_survey() -> PendingTask:
    request = SurveyRequest(evidence=(), query=None, policy=SelectionPolicy(), weights=Weights())
    return PendingTask(SurveyTask(next(numbers), request))
