"""The worker's side of the engine: hands it batches, and says who is to blame for its end.

What has queued up while the engine was busy is its next batch. Whatever ends an engine, the next is
started at once. Only what it was working on has anything to do with its end: if that was one task,
it is blamed; if several shared the work, each is tried again by itself, and no try is counted. Who
waits in line meanwhile waits on.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import structlog

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.decision import Survey, SurveyRequest
from tasks.engine.batching import Ask, End, Exchange, Line
from tasks.engine.cores import available_cores
from tasks.engine.protocol import (
    Done,
    Failed,
    ReadDone,
    ReadTask,
    StudyDone,
    StudyTask,
    SurveyDone,
    SurveyTask,
    Task,
)
from tasks.engine.supervisor import (
    START_TRIES,
    EngineCommand,
    StartedEngine,
    Upkeep,
    crashed,
    stopped,
)
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.settings import Settings

log = structlog.get_logger()

ENGINE = "tasks.engine.__main__"
"""The module that is run with the real models."""


class EngineProcess:
    """The engine of one worker. See `tasks.ports.Engine`."""

    def __init__(self, settings: Settings, module: str = ENGINE) -> None:
        self._hard_limit = settings.task_hard_time_limit
        self._command = EngineCommand(
            module=module,
            threads=settings.engine_threads or available_cores(),
            memory_mb=settings.engine_memory_mb,
            arguments=(
                str(settings.models_path),
                settings.embedder,
                settings.embedding_model or "",
            ),
        )
        self._upkeep = Upkeep(self._command)
        self._numbers = itertools.count(1)
        self._line = Line()
        self._exchange: Exchange | None = None
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[StartedEngine]:
        """Begins to load the models; requests wait until they are."""
        return self._upkeep.start()

    async def ready(self) -> StartedEngine:
        """Waits for an engine. Raises TransientFailure if none can be started."""
        return await self._upkeep.ready()

    async def stop(self) -> None:
        if self._serving:
            await stopped(self._serving)
        await self._upkeep.stop()

    @property
    def pid(self) -> int | None:
        """Of the engine that is ready; None while there is none."""
        engine = self._upkeep.running
        return engine.pid if engine else None

    async def read(self, request: ReadRequest) -> ReadReport:
        match await self._ask(ReadTask(next(self._numbers), request)):
            case ReadDone(_, report):
                return report
            case other:
                raise _unforeseen(other)

    async def study(self, request: StudyRequest) -> StudyReport:
        match await self._ask(StudyTask(next(self._numbers), request)):
            case StudyDone(_, report):
                return report
            case other:
                raise _unforeseen(other)

    async def survey(self, request: SurveyRequest) -> Survey:
        match await self._ask(SurveyTask(next(self._numbers), request)):
            case SurveyDone(_, survey):
                return survey
            case other:
                raise _unforeseen(other)

    # Batches

    async def _ask(self, task: Task) -> Done:
        ask = Ask(task)
        self._line.join(ask)
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        try:
            return await ask.outcome()
        except asyncio.CancelledError:
            ask.give_up()
            if self._exchange:
                self._exchange.poke()
            raise

    async def _serve(self) -> None:
        """Takes batch after batch to whatever engine there is."""
        while True:
            batch = await self._line.batch()
            try:
                engine = await self.ready()
            except TransientFailure as failure:
                for ask in (*batch, *self._line.leave()):
                    ask.fail(_once_more(failure))
                continue
            wanted = [ask for ask in batch if ask.given_up is None]  # some may have waited long
            if wanted:
                await self._serve_batch(engine, wanted)

    async def _serve_batch(self, engine: StartedEngine, batch: Sequence[Ask]) -> None:
        self._exchange = exchange = Exchange(engine, batch, self._hard_limit)
        try:
            end = await exchange.run()
        except Exception:
            log.exception("an engine answered in a way that nobody foresaw")
            end = End.DIED
        self._exchange = None
        if end is not End.ANSWERED:
            await self._upkeep.replace(engine)
            self._settle(exchange, end, engine)

    def _settle(self, exchange: Exchange, end: End, engine: StartedEngine) -> None:
        """What becomes of the tasks that an engine did not answer."""
        working = exchange.working
        log.warning("the engine was lost", why=end.name, exit_status=engine.exit_status)
        back = exchange.unanswered
        if len(working) == 1 and end is not End.ABANDONED:
            back.remove(working[0])
            working[0].fail(self._blame(end))
        for ask in back:
            ask.alone = ask.alone or (ask in working and end is not End.ABANDONED)
            ask.deaths += not working
            if ask.deaths >= START_TRIES:
                ask.fail(crashed("The engine died again and again."))
        self._line.rejoin(ask for ask in back if ask.deaths < START_TRIES)

    def _blame(self, end: End) -> StepError:
        match end:
            case End.HARD_LIMIT:
                detail = f"The analysis took longer than {self._hard_limit:g} s."
                return PermanentFailure(Reason.TIMED_OUT, detail)
            case End.OUT_OF_MEMORY:
                allowed = f"more than {self._command.memory_mb} MB of memory"
                return PermanentFailure(Reason.OUT_OF_MEMORY, f"The analysis wanted {allowed}.")
        return crashed("The engine died in the middle of the analysis.")


def _unforeseen(done: Done) -> PermanentFailure:
    if isinstance(done, Failed):
        log.error("the engine failed a task", error=done.error)
    return PermanentFailure(Reason.INTERNAL_ERROR, "The analysis failed in an unforeseen way.")


def _once_more(failure: TransientFailure) -> TransientFailure:
    """The same as a new exception: one that is raised twice would grow a traceback."""
    return crashed(failure.detail)
