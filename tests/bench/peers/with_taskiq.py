"""Plain Taskiq: its list broker and its result backend on Redis, on uvloop."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from taskiq.receiver import Receiver
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

from tests.bench.peers.command import enqueue_together, run
from tests.bench.peers.round import Round


def enqueue(this: Round) -> None:
    uvloop.run(_enqueue(this))


async def _enqueue(this: Round) -> None:
    broker, noop = _broker(this)
    await broker.startup()
    await enqueue_together(this.tasks, noop.kiq)
    await broker.shutdown()


def work(this: Round) -> None:
    uvloop.run(_work(this))


async def _work(this: Round) -> None:
    broker, _ = _broker(this)
    await broker.startup()
    receiver = Receiver(
        broker,
        validate_params=False,
        max_async_tasks=this.slots,
        max_prefetch=this.slots,
    )
    await receiver.listen(asyncio.Event())


def _broker(this: Round) -> tuple[Any, Any]:
    broker = ListQueueBroker(this.url).with_result_backend(
        RedisAsyncResultBackend(this.url, result_ex_time=3600)
    )

    async def noop() -> None:
        this.count()

    return broker, broker.register_task(noop, task_name="noop")


if __name__ == "__main__":
    run(enqueue, work)
