"""A real worker whose engine appends every call to a file: `python -m … FILE`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.decision import Survey, SurveyRequest
from nlp.feeds.feed import FeedReport, FeedRequest
from tasks.ports import Engine
from tasks.resources import build_engine
from tasks.settings import read_settings
from tasks.worker.worker import Shutdown, serve, shared_fetcher
from tests.processes import end_with_starter


class CountingEngine:
    """Appends the URL of each page that is read to a file before it begins."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self._engine = engine
        self._file = file

    async def read(self, request: ReadRequest) -> ReadReport:
        with self._file.open("a") as file:
            file.write(request.page.url + "\n")
        return await self._engine.read(request)

    async def study(self, request: StudyRequest) -> StudyReport:
        return await self._engine.study(request)

    async def survey(self, request: SurveyRequest) -> Survey:
        return await self._engine.survey(request)

    async def read_feed(self, request: FeedRequest) -> FeedReport:
        return await self._engine.read_feed(request)


async def main(file: Path) -> None:
    settings = read_settings(os.environ)
    engine = build_engine(settings)
    engine.start()
    try:
        async with shared_fetcher(settings) as fetcher:
            counting = CountingEngine(engine, file)
            await serve(settings, counting, fetcher, Shutdown())
    finally:
        await engine.stop()


if __name__ == "__main__":
    end_with_starter()
    asyncio.run(main(Path(sys.argv[1])))
