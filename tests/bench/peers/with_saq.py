"""SAQ, on uvloop."""

from __future__ import annotations

from typing import Any

import uvloop
from saq import Queue, Worker

from tests.bench.peers.command import enqueue_together, run
from tests.bench.peers.round import Round


def enqueue(this: Round) -> None:
    uvloop.run(_enqueue(this))


async def _enqueue(this: Round) -> None:
    queue = Queue.from_url(this.url)
    await queue.connect()
    await enqueue_together(this.tasks, lambda: queue.enqueue("noop"))
    await queue.disconnect()


def work(this: Round) -> None:
    async def noop(context: dict[str, Any]) -> None:
        this.count()

    uvloop.run(_work(this, noop))


async def _work(this: Round, noop: Any) -> None:
    queue = Queue.from_url(this.url)
    await queue.connect()
    worker = Worker(queue, functions=[("noop", noop)], concurrency=this.slots)
    await worker.start()


if __name__ == "__main__":
    run(enqueue, work)
