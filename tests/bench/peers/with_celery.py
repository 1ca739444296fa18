"""Celery with late acknowledgement, in one process: its solo pool was the fastest of them here."""

from __future__ import annotations

from typing import Any

from celery import Celery

from tests.bench.peers.command import run
from tests.bench.peers.round import Round


def enqueue(this: Round) -> None:
    noop = _noop(_app(this), this)
    for _ in range(this.tasks):
        noop.delay()


def work(this: Round) -> None:
    app = _app(this)
    _noop(app, this)
    quiet = ("--loglevel=WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat")
    app.worker_main(["worker", "--pool=solo", *quiet])


def _app(this: Round) -> Any:
    app = Celery("bench", broker=this.url, backend=this.url)
    app.conf.update(task_acks_late=True, worker_prefetch_multiplier=64, result_expires=3600)
    return app


def _noop(app: Any, this: Round) -> Any:
    def noop() -> None:
        this.count()

    return app.task(noop, name="noop")


if __name__ == "__main__":
    run(enqueue, work)
