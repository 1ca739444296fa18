"""arq, on uvloop. Its poll delay of half a second is meant for idle queues; here it is 1 ms."""

from __future__ import annotations

from typing import Any

import uvloop
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func

from tests.bench.peers.command import enqueue_together, run
from tests.bench.peers.round import Round


def enqueue(this: Round) -> None:
    uvloop.run(_enqueue(this))


async def _enqueue(this: Round) -> None:
    pool = await create_pool(_redis(this))
    await enqueue_together(this.tasks, lambda: pool.enqueue_job("noop"))
    await pool.aclose()


def work(this: Round) -> None:
    async def noop(context: dict[str, Any]) -> None:
        this.count()

    uvloop.run(_work(this, noop))


async def _work(this: Round, noop: Any) -> None:
    worker = Worker(
        functions=[func(noop, name="noop")],
        redis_settings=_redis(this),
        max_jobs=this.slots,
        poll_delay=0.001,
        handle_signals=False,
    )
    await worker.async_run()


def _redis(this: Round) -> RedisSettings:
    host, port = this.address
    return RedisSettings(host=host, port=port)


if __name__ == "__main__":
    run(enqueue, work)
