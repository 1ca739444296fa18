"""What has queued up is one batch, within the token budget; a task's clock runs while it is run."""

from __future__ import annotations

import asyncio

import pytest

from tasks.engine.batching import (
    ABANDON_SECONDS,
    MAX_BATCH_TOKENS,
    BatchOutcome,
    BatchRun,
    PendingTask,
    TaskQueue,
)
from tasks.engine.protocol import Loaded, TaskFailed, Working
from tasks.step_context import SoftLimit, soft_limit
from tests.unit.engine.scripted_engine import ScriptedEngine, a_page, a_study, a_survey
from tests.waiting import wait_until


def queue_of(*tasks: PendingTask) -> TaskQueue:
    queue = TaskQueue()
    for task in tasks:
        queue.put(task)
    return queue


async def next_batch(queue: TaskQueue) -> list[PendingTask]:
    async with asyncio.timeout(5):
        return await queue.next_batch()


async def test_what_has_queued_up_is_one_batch_in_its_order() -> None:
    tasks = [a_page(), a_study(100), a_study(10_000)]
    assert await next_batch(queue_of(*tasks)) == tasks


async def test_the_budget_bounds_a_batch_and_no_task_is_left_behind() -> None:
    tasks = [a_study(100_000) for _ in range(20)]
    queue = queue_of(*tasks)
    batches = [await next_batch(queue) for _ in range(3)]
    assert [task for batch in batches for task in batch] == tasks
    for batch in batches:
        assert sum(task.tokens for task in batch) <= MAX_BATCH_TOKENS


async def test_short_texts_share_a_batch_that_long_ones_would_fill() -> None:
    queue = queue_of(*(a_study(40) for _ in range(100)))
    assert len(await next_batch(queue)) == 100


async def test_a_survey_is_a_batch_of_its_own() -> None:
    queue = queue_of(a_study(10), a_survey(), a_study(10))
    assert [len(await next_batch(queue)) for _ in range(3)] == [1, 1, 1]


async def test_an_isolated_task_shares_no_batch() -> None:
    tasks = [a_study(10), a_study(10), a_study(10)]
    tasks[1].isolated = True
    queue = queue_of(*tasks)
    assert [await next_batch(queue) for _ in range(3)] == [[task] for task in tasks]


async def test_returned_tasks_are_first_in_their_old_order() -> None:
    tasks = [a_page() for _ in range(4)]
    queue = queue_of(tasks[3])
    queue.put_back(tasks[:3])
    assert await next_batch(queue) == tasks


async def test_abandoned_tasks_are_skipped() -> None:
    tasks = [a_page() for _ in range(3)]
    queue = queue_of(*tasks)
    tasks[0].abandon()
    assert await next_batch(queue) == tasks[1:]
    tasks[1].abandon()
    queue.put_back([tasks[1], tasks[2]])
    assert await next_batch(queue) == [tasks[2]]


async def test_an_empty_queue_is_waited_for() -> None:
    queue, task = TaskQueue(), a_page()
    waiting = asyncio.create_task(queue.next_batch())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put(task)
    assert await waiting == [task]


async def test_a_failure_reaches_the_caller() -> None:
    task = a_page()
    waiting = asyncio.create_task(task.reply())
    await asyncio.sleep(0)
    task.mark_running()
    task.fail(ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        await waiting


async def test_the_soft_limit_counts_only_while_the_engine_works_on_the_task() -> None:
    engine, tasks = ScriptedEngine(), [a_study(10), a_study(10)]
    first, second = (task.task.number for task in tasks)
    limits: list[SoftLimit] = []

    async def wait_for(task: PendingTask) -> None:
        async with soft_limit(100) as limit:
            limits.append(limit)
            await task.reply()

    async def work_on(numbers: tuple[int, ...], counts: list[bool]) -> None:
        await engine.replies.put(Working(numbers))
        await wait_until(lambda: [limit.is_running for limit in limits] == counts, "the clocks")

    waiting = [asyncio.create_task(wait_for(task)) for task in tasks]
    run = asyncio.create_task(BatchRun(engine, tasks, hard_limit=100).run())
    await wait_until(lambda: len(limits) == 2, "both to wait")
    assert [limit.is_running for limit in limits] == [False, False]
    await work_on((first, second), [True, True])
    await work_on((first,), [True, False])
    await engine.replies.put(TaskFailed(first, "whatever"))
    await waiting[0]
    assert not limits[1].is_running
    await work_on((second,), [True, True])
    await engine.replies.put(TaskFailed(second, "whatever"))
    assert await run is BatchOutcome.ANSWERED
    await asyncio.gather(*waiting)


async def test_an_engine_that_still_loads_models_is_not_killed_for_abandoned_work() -> None:
    engine, task = ScriptedEngine(), a_page()
    engine.loaded = False
    batch_run = BatchRun(engine, [task], hard_limit=100)
    run = asyncio.create_task(batch_run.run())
    await engine.replies.put(Working((task.task.number,)))
    await wait_until(lambda: batch_run.in_progress, "the engine to begin")
    task.abandon()
    batch_run.task_abandoned()
    await asyncio.wait({run}, timeout=2 * ABANDON_SECONDS)
    assert not run.done()
    await engine.replies.put(Loaded())
    assert await asyncio.wait_for(run, 20) is BatchOutcome.ABANDONED
