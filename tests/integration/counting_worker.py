"""A real worker whose engine writes down every call: `python -m … FILE`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from nlp.analysis import AnalysisReport, AnalysisRequest
from nlp.decision import Ranking, SelectionPolicy
from tasks.engine.process import EngineProcess
from tasks.fetch.fetcher import build_fetcher
from tasks.lifeline import die_with_parent
from tasks.ports import Engine
from tasks.settings import read_settings
from tasks.worker import serve


class CountingEngine:
    """Appends the URL of each analysis to a file before it begins."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self._engine = engine
        self._file = file

    async def analyse(self, request: AnalysisRequest) -> AnalysisReport:
        with self._file.open("a") as file:
            file.write(request.page.url + "\n")
        return await self._engine.analyse(request)

    async def rank(self, evidence: Sequence[bytes], policy: SelectionPolicy) -> Ranking:
        return await self._engine.rank(evidence, policy)


async def main(file: Path) -> None:
    settings = read_settings(os.environ)
    engine = EngineProcess(settings)
    engine.start()
    try:
        async with contextlib.aclosing(build_fetcher(settings)) as fetcher:
            counting = CountingEngine(engine, file)
            await serve(settings, counting, fetcher, asyncio.Event(), asyncio.Event())
    finally:
        await engine.stop()


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main(Path(sys.argv[1])))
