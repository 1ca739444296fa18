"""The worker's side of the engine: sends it batches, and decides which task caused its end.

What has queued up while the engine was busy is its next batch. Whatever ends an engine, the next is
started at once. Only the tasks that it was working on can have caused its end: if that was one
task, that task fails; if several shared the work, each is tried again by itself, and no try is
counted. Tasks that wait in the queue stay there.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import time
from collections import Counter
from collections.abc import Sequence

import structlog

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.decision import Survey, SurveyRequest
from nlp.feeds.feed import FeedReport, FeedRequest
from tasks.cost import current_meter
from tasks.engine.batching import BatchOutcome, BatchRun, PendingTask, TaskQueue
from tasks.engine.process import EngineHandle, LeftEngine
from tasks.engine.protocol import (
    FeedReply,
    FeedTask,
    ReadReply,
    ReadTask,
    StudyReply,
    StudyTask,
    SurveyReply,
    SurveyTask,
    Task,
    TaskFailed,
    TaskReply,
)
from tasks.engine.supervisor import MAX_FAILURES, START_SECONDS, EngineSupervisor, engine_crashed
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.supervision import cancel_and_wait, keep_running
from tasks.telemetry.metrics import (
    ENGINE_BATCHES,
    ENGINE_BUSY,
    ENGINE_TASKS,
    ENGINE_TOKENS,
    count_stages,
)
from tasks.telemetry.names import ENGINE_WAIT
from tasks.telemetry.tracing import child_span, record_stages

log = structlog.get_logger(__name__)

ENGINE = "tasks.engine"
"""The module that is run with the real models."""

STOPPED = "The engine was stopped."

LEAVE_SECONDS = 1.0
"""How long an engine may go on with its last batch before it is left."""


class EngineClient:
    """The engine of one worker. See `tasks.ports.Engine`."""

    def __init__(self, supervisor: EngineSupervisor, hard_time_limit: float) -> None:
        """`hard_time_limit`: seconds that the engine may work on the same tasks."""
        self._supervisor = supervisor
        self._hard_time_limit = hard_time_limit
        self._numbers = itertools.count(1)
        self._queue = TaskQueue()
        self._pending: set[PendingTask] = set()
        self._batch_run: BatchRun | None = None
        self._dispatching: asyncio.Task[None] | None = None
        self._stopped = False

    def start(self) -> asyncio.Task[EngineHandle]:
        """Begins to load the models; requests wait until they are loaded."""
        return self._supervisor.start()

    async def ready(self) -> EngineHandle:
        """Waits for an engine. Raises TransientFailure if none can be started."""
        return await self._supervisor.ready()

    async def stop(self) -> None:
        """Ends the engine for good. Tasks that are pending fail, and so do later ones."""
        self._stopped = True
        if self._dispatching:
            await cancel_and_wait(self._dispatching)
        self._fail_pending(STOPPED)
        await self._supervisor.stop()

    async def leave(self) -> LeftEngine | None:
        """Ends this client but not its engine, which the process that replaces this one goes on
        with. Waits for an engine that is being started or still loads models. None if it has none,
        or one that still works."""
        self._stopped = True
        self._queue.drain()
        if self._dispatching:
            if self._batch_run is not None:
                limit = LEAVE_SECONDS if self._batch_run.engine.loaded else START_SECONDS
                await asyncio.wait({self._dispatching}, timeout=limit)
            await cancel_and_wait(self._dispatching)
        return None if self._batch_run is not None else await self._supervisor.leave()

    @property
    def pending(self) -> int:
        """Tasks that wait, or that the engine works on."""
        return len(self._pending)

    @property
    def pid(self) -> int | None:
        """The process id of the engine that is ready; None while there is none."""
        engine = self._supervisor.running
        return engine.pid if engine else None

    async def read(self, request: ReadRequest) -> ReadReport:
        match await self._request(ReadTask(next(self._numbers), request)):
            case ReadReply(report=report):
                count_stages(report.stages)
                return report
            case reply:
                raise _unexpected(reply)

    async def study(self, request: StudyRequest) -> StudyReport:
        match await self._request(StudyTask(next(self._numbers), request)):
            case StudyReply(report=report):
                count_stages(report.stages)
                return report
            case reply:
                raise _unexpected(reply)

    async def survey(self, request: SurveyRequest) -> Survey:
        match await self._request(SurveyTask(next(self._numbers), request)):
            case SurveyReply(survey=survey):
                return survey
            case reply:
                raise _unexpected(reply)

    async def read_feed(self, request: FeedRequest) -> FeedReport:
        match await self._request(FeedTask(next(self._numbers), request)):
            case FeedReply(report=report):
                return report
            case reply:
                raise _unexpected(reply)

    async def _request(self, task: Task) -> TaskReply:
        if self._stopped:
            raise engine_crashed(STOPPED)
        with child_span(f"engine {_kind(task)}") as span:
            pending = PendingTask(task)
            try:
                reply = await self._reply_to(pending)
            finally:
                span.set_attribute(ENGINE_WAIT, pending.waited_seconds)
            if isinstance(reply, ReadReply | StudyReply):
                record_stages(reply.report)
            if not isinstance(reply, TaskFailed):
                current_meter().engine_seconds += reply.cpu_seconds
        return reply

    async def _reply_to(self, pending: PendingTask) -> TaskReply:
        self._pending.add(pending)
        self._queue.put(pending)
        if self._dispatching is None:
            loop = keep_running("engine dispatch", self._dispatch_forever)
            # Not in the context of this step: log lines on other steps would carry its name.
            self._dispatching = asyncio.create_task(loop, context=contextvars.Context())
        try:
            return await pending.reply()
        except asyncio.CancelledError:
            pending.abandon()
            if self._batch_run:
                self._batch_run.task_abandoned()
            raise
        finally:
            self._pending.discard(pending)

    async def _dispatch_forever(self) -> None:
        """Sends batch after batch to whatever engine is running.

        When it ends with an error, all pending tasks fail, and their steps are retried: the soft
        limit of a step does not count while its task waits, so a lost task would wait for ever.
        """
        try:
            if self._batch_run is not None:  # interrupted; the engine may still work on it
                await self._supervisor.replace(self._batch_run.engine)
                self._batch_run = None
            while not self._stopped:
                await self._dispatch_batch()
        except BaseException:
            self._fail_pending("The dispatch of tasks to the engine was interrupted.")
            raise

    async def _dispatch_batch(self) -> None:
        batch = await self._queue.next_batch()
        try:
            engine = await self.ready()
        except TransientFailure as failure:
            for pending in (*batch, *self._queue.drain()):
                # A new exception for each: one that is raised twice would grow its traceback.
                pending.fail(engine_crashed(failure.detail))
            return
        batch = [pending for pending in batch if pending.abandoned_at is None]  # it was a long wait
        if batch:
            await self._run_batch(engine, batch)

    async def _run_batch(self, engine: EngineHandle, batch: Sequence[PendingTask]) -> None:
        started = time.monotonic()
        self._batch_run = run = BatchRun(engine, batch, self._hard_time_limit)
        try:
            outcome = await run.run()
        except Exception:
            log.exception("unexpected reply of an engine")
            outcome = BatchOutcome.DIED
        self._count(batch, outcome, time.monotonic() - started)
        if outcome is not BatchOutcome.ANSWERED:
            await self._supervisor.replace(engine)
            self._settle_unanswered(run, outcome)
        self._batch_run = None

    def _count(self, batch: Sequence[PendingTask], outcome: BatchOutcome, seconds: float) -> None:
        """The batch in the metrics."""
        ENGINE_BATCHES.add(1, {"outcome": outcome.name.lower()})
        ENGINE_BUSY.add(seconds)
        ENGINE_TOKENS.add(sum(pending.tokens for pending in batch))
        for kind, number in Counter(_kind(pending.task) for pending in batch).items():
            ENGINE_TASKS.add(number, {"task": kind})

    def _settle_unanswered(self, run: BatchRun, outcome: BatchOutcome) -> None:
        """Fails the task that ended the engine, and returns the others to the queue."""
        in_progress = run.in_progress
        log.warning("the engine was lost", why=outcome.name, exit_status=run.engine.exit_status)
        unanswered = run.unanswered
        if len(in_progress) == 1 and outcome is not BatchOutcome.ABANDONED:
            unanswered.remove(in_progress[0])
            in_progress[0].fail(self._failure(outcome))
        for pending in unanswered:
            if pending in in_progress and outcome is not BatchOutcome.ABANDONED:
                pending.isolated = True
            if not in_progress:
                pending.engine_deaths += 1
            if pending.engine_deaths >= MAX_FAILURES:
                pending.fail(engine_crashed("The engine died several times in a row."))
        self._queue.put_back(
            pending for pending in unanswered if pending.engine_deaths < MAX_FAILURES
        )

    def _failure(self, outcome: BatchOutcome) -> StepError:
        """The error of a task that ended its engine."""
        match outcome:
            case BatchOutcome.HARD_LIMIT:
                detail = f"The analysis took longer than {self._hard_time_limit:g} s."
                return PermanentFailure(Reason.TIMED_OUT, detail)
            case BatchOutcome.OUT_OF_MEMORY:
                limit = self._supervisor.command.memory_mb
                detail = f"The analysis needed more than {limit} MB of memory."
                return PermanentFailure(Reason.OUT_OF_MEMORY, detail)
        return engine_crashed("The engine died in the middle of the analysis.")

    def _fail_pending(self, detail: str) -> None:
        self._queue.drain()
        for pending in self._pending:
            pending.fail(engine_crashed(detail))


def _kind(task: Task) -> str:
    return str(task.__struct_config__.tag)


def _unexpected(reply: TaskReply) -> PermanentFailure:
    if isinstance(reply, TaskFailed):
        log.error("the engine failed a task", error=reply.error)
    return PermanentFailure(Reason.INTERNAL_ERROR, "The analysis failed with an unexpected error.")
