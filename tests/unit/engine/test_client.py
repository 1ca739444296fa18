"""No task waits for ever, whatever goes wrong on the worker's side of the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars

from nlp.analysis import ReadReport, Rejection
from tasks.engine.client import EngineClient
from tasks.engine.process import EngineCommand, EngineHandle
from tasks.engine.protocol import ReadReply, Ready
from tasks.engine.supervisor import EngineSupervisor
from tasks.errors import Reason, TransientFailure
from tests.unit.engine.scripted_engine import ScriptedEngine, a_read_request
from tests.waiting import wait_until

INTERRUPTED = "The dispatch of tasks to the engine was interrupted."


class FaultySupervisor(EngineSupervisor):
    """Provides a scripted engine; raises the next of its faults instead, while there are any."""

    def __init__(self) -> None:
        super().__init__(EngineCommand(module="no_such_module", threads=1, memory_mb=0))
        self.engine = ScriptedEngine()
        self.start_faults: list[Exception] = []
        self.replace_faults: list[Exception] = []
        self.log_contexts: list[dict[str, object]] = []

    @property
    def running(self) -> EngineHandle | None:
        return self.engine

    async def ready(self) -> EngineHandle:
        self.log_contexts.append(get_contextvars())
        if self.start_faults:
            raise self.start_faults.pop()
        return self.engine

    async def replace(self, engine: EngineHandle) -> None:
        if self.replace_faults:
            raise self.replace_faults.pop()
        await engine.kill()
        self.engine = ScriptedEngine()

    async def stop(self) -> None:
        pass


@pytest.fixture
def supervisor() -> FaultySupervisor:
    return FaultySupervisor()


@pytest.fixture
async def client(supervisor: FaultySupervisor) -> AsyncIterator[EngineClient]:
    client = EngineClient(supervisor, hard_time_limit=100)
    yield client
    await client.stop()


async def fails_transiently(client: EngineClient) -> str:
    with pytest.raises(TransientFailure) as raised:
        async with asyncio.timeout(5):
            await client.read(a_read_request())
    assert raised.value.reason is Reason.ENGINE_CRASHED
    return raised.value.detail


async def answers(client: EngineClient, supervisor: FaultySupervisor, number: int) -> None:
    """The client's request with this number gets the engine's reply."""
    report = ReadReport(outcome=Rejection(reason="no_text", detail=""))
    await supervisor.engine.replies.put(ReadReply(number, report))
    async with asyncio.timeout(5):
        assert await client.read(a_read_request()) == report


async def test_an_unexpected_error_before_a_batch_fails_its_tasks_and_dispatch_goes_on(
    client: EngineClient, supervisor: FaultySupervisor
) -> None:
    supervisor.start_faults.append(ValueError("injected"))
    assert await fails_transiently(client) == INTERRUPTED
    await answers(client, supervisor, number=2)


async def test_an_unexpected_error_after_a_batch_fails_its_tasks_and_dispatch_goes_on(
    client: EngineClient, supervisor: FaultySupervisor
) -> None:
    supervisor.replace_faults.append(ValueError("injected"))
    broken = supervisor.engine
    await broken.replies.put(Ready())  # violates the protocol
    assert await fails_transiently(client) == INTERRUPTED
    await wait_until(lambda: broken.killed, "the engine to be replaced")
    await answers(client, supervisor, number=2)


async def test_an_engine_that_cannot_be_replaced_does_not_end_the_dispatch(
    client: EngineClient, supervisor: FaultySupervisor
) -> None:
    supervisor.replace_faults += [ValueError("injected"), ValueError("injected again")]
    broken = supervisor.engine
    await broken.replies.put(Ready())
    await fails_transiently(client)
    await wait_until(lambda: supervisor.engine is not broken, "the third attempt to replace it")
    await answers(client, supervisor, number=2)


async def test_an_unexpected_error_fails_what_waits_in_the_queue_too(
    client: EngineClient, supervisor: FaultySupervisor
) -> None:
    supervisor.replace_faults.append(ValueError("injected"))
    running = asyncio.create_task(fails_transiently(client))
    await wait_until(lambda: supervisor.engine.batches == 1, "the first task to be sent")
    queued = asyncio.create_task(fails_transiently(client))
    await asyncio.sleep(0)
    await supervisor.engine.replies.put(Ready())
    await asyncio.gather(running, queued)


async def test_tasks_that_are_pending_when_the_engine_is_stopped_fail(
    client: EngineClient, supervisor: FaultySupervisor
) -> None:
    waiting = asyncio.create_task(fails_transiently(client))
    await wait_until(lambda: supervisor.engine.batches == 1, "the task to be sent")
    await client.stop()
    assert await waiting == INTERRUPTED


async def test_log_lines_of_the_dispatch_name_no_step(
    client: EngineClient, supervisor: FaultySupervisor
) -> None:
    with bound_contextvars(step="analyse:1"):
        await answers(client, supervisor, number=1)
    assert supervisor.log_contexts == [{}]


async def test_a_task_after_the_engine_was_stopped_fails(client: EngineClient) -> None:
    await client.stop()
    assert await fails_transiently(client) == "The engine was stopped."
