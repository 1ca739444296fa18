"""Dramatiq, with its results middleware; a slot is a thread."""

from __future__ import annotations

import threading

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from tests.bench.peers.command import run
from tests.bench.peers.round import Round


def enqueue(this: Round) -> None:
    noop = _noop(this)
    for _ in range(this.tasks):
        noop.send()


def work(this: Round) -> None:
    worker = dramatiq.Worker(_noop(this).broker, worker_threads=this.slots)
    worker.start()
    threading.Event().wait()


def _noop(this: Round) -> dramatiq.Actor:
    broker = RedisBroker(url=this.url)
    broker.add_middleware(Results(backend=RedisBackend(url=this.url)))
    return dramatiq.Actor(
        this.count,
        broker=broker,
        actor_name="noop",
        queue_name="default",
        priority=0,
        options={"store_results": True},
    )


if __name__ == "__main__":
    run(enqueue, work)
