"""RQ, with the worker that does not fork for each job."""

from __future__ import annotations

from redis import Redis
from rq import Queue, SimpleWorker

from tests.bench.peers.command import run
from tests.bench.peers.round import Round

_rounds: list[Round] = []


def noop() -> None:
    """RQ finds its tasks by their module, so this one cannot be a closure."""
    if not _rounds:
        _rounds.append(Round())
    _rounds[0].count()


def enqueue(this: Round) -> None:
    queue = Queue(connection=Redis.from_url(this.url))
    for _ in range(this.tasks):
        queue.enqueue("tests.bench.peers.with_rq.noop")


def work(this: Round) -> None:
    connection = Redis.from_url(this.url)
    SimpleWorker([Queue(connection=connection)], connection=connection).work(
        logging_level="WARNING"
    )


if __name__ == "__main__":
    run(enqueue, work)
