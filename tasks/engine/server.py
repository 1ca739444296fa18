"""The engine's side: takes batches off a socket, and answers their tasks, whatever its models are.

A module that calls `serve` is started with four arguments (see `tasks.engine.supervisor`): the
socket's descriptor, the worker's process id, the threads that it may use, and the megabytes that
one task may take. It ends when its worker does: at the end of the socket, and, where the worker was
killed in the middle of a batch, by a signal of the kernel, on Linux.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.decision import Survey, SurveyRequest
from nlp.feeds.feed import FeedReport, FeedRequest
from tasks.engine.protocol import (
    HEADER,
    Batch,
    FeedReply,
    FeedTask,
    Loaded,
    OutOfMemory,
    ReadReply,
    ReadTask,
    Ready,
    Reply,
    StudyReply,
    StudyTask,
    SurveyReply,
    SurveyTask,
    TaskFailed,
    Working,
    decode_batch,
    encode,
)
from tasks.supervision import die_with_parent

DEFERRED_MEGABYTES = 256
"""What may be taken beside a task while the deferred models are loaded, which takes 160."""

Models = TypeVar("Models")
Send = Callable[[Reply], None]


@dataclass(frozen=True, kw_only=True)
class TaskHandlers(Generic[Models]):
    """What an engine can do. See `nlp.pipeline`, `nlp.ranking.survey` and `nlp.feeds.reader`."""

    load: Callable[[int], Models]
    """Loads the models; its argument is the number of threads."""
    load_deferred: Callable[[Models], None] = lambda _models: None
    """Loads what is not needed to embed; runs beside the first work."""
    read: Callable[[ReadRequest, Models], ReadReport]
    study: Callable[
        [Sequence[StudyRequest], Models, Callable[[Sequence[int]], None]], Iterable[StudyReport]
    ]
    """Its last argument is called with the indexes of the requests that it turns to."""
    survey: Callable[[SurveyRequest, Models], Survey]
    read_feed: Callable[[FeedRequest], FeedReport]


def serve(handlers: TaskHandlers[Models]) -> None:
    """Runs until the worker closes the socket."""
    descriptor, parent_pid, threads, megabytes = (int(argument) for argument in sys.argv[1:5])
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which ends us
    worker_gone = contextlib.suppress(BrokenPipeError, ConnectionResetError)
    with socket.socket(fileno=descriptor) as channel, worker_gone:
        models = handlers.load(threads)
        limit_memory(megabytes, beside=DEFERRED_MEGABYTES)
        sending = threading.Lock()

        def send(reply: Reply) -> None:
            with sending:
                channel.sendall(encode(reply))

        send(Ready())
        loading = (handlers, models, megabytes, send)
        threading.Thread(target=_load_deferred, args=loading, daemon=True).start()
        while body := _read_frame(channel):
            _BatchWorker(handlers, models, send).run(decode_batch(body))


def _load_deferred(
    handlers: TaskHandlers[Models], models: Models, megabytes: int, send: Send
) -> None:
    """Loads the rest, which must not be charged to a task."""
    try:
        handlers.load_deferred(models)
    finally:
        limit_memory(megabytes)
        with contextlib.suppress(OSError):  # the worker is gone
            send(Loaded())


class _BatchWorker(Generic[Models]):
    """Answers the tasks of one batch."""

    def __init__(self, handlers: TaskHandlers[Models], models: Models, send: Send) -> None:
        self._handlers = handlers
        self._models = models
        self._send = send

    def run(self, batch: Batch) -> None:
        studies: list[StudyTask] = []
        try:
            for task in batch.tasks:
                match task:
                    case ReadTask() | SurveyTask() | FeedTask():
                        self._run_single(task)
                    case StudyTask():
                        studies.append(task)
            self._run_studies(studies)
        except MemoryError:
            self._send(OutOfMemory())

    def _run_single(self, task: ReadTask | SurveyTask | FeedTask) -> None:
        self._send(Working((task.number,)))
        try:
            self._send(self._answer(task))
        except (MemoryError, OSError):
            raise
        except Exception as error:
            self._send(_failed(task.number, error))

    def _answer(self, task: ReadTask | SurveyTask | FeedTask) -> Reply:
        started = time.process_time()
        match task:
            case ReadTask():
                read = self._handlers.read(task.request, self._models)
                return ReadReply(task.number, read, time.process_time() - started)
            case SurveyTask():
                survey = self._handlers.survey(task.request, self._models)
                return SurveyReply(task.number, survey, time.process_time() - started)
            case FeedTask():
                feed = self._handlers.read_feed(task.request)
                return FeedReply(task.number, feed, time.process_time() - started)

    def _run_studies(self, tasks: Sequence[StudyTask]) -> None:
        def working(indexes: Sequence[int]) -> None:
            self._send(Working(tuple(tasks[index].number for index in indexes)))

        unanswered = list(tasks)
        try:
            requests = [task.request for task in tasks]
            for report in self._handlers.study(requests, self._models, working):
                spent = sum(stage.cpu_seconds for stage in report.stages)
                self._send(StudyReply(unanswered[0].number, report, spent))
                del unanswered[0]
        except (MemoryError, OSError):
            raise
        except Exception as error:
            if len(tasks) == 1:
                self._send(_failed(tasks[0].number, error))
                return
            for task in unanswered:  # only single calls can show which of them raises
                self._run_studies([task])


def _failed(number: int, error: Exception) -> TaskFailed:
    return TaskFailed(number, f"{type(error).__name__}: {error}")


def _read_frame(channel: socket.socket) -> bytes | None:
    """The body of the next frame; None at the end of the socket."""
    header = _read_exactly(channel, HEADER.size)
    return header and _read_exactly(channel, HEADER.unpack(header)[0])


def _read_exactly(channel: socket.socket, size: int) -> bytes | None:
    body = bytearray()
    while len(body) < size:
        part = channel.recv(min(size - len(body), 1 << 20))
        if not part:
            return None
        body += part
    return bytes(body)


def limit_memory(megabytes: int, beside: int = 0) -> None:
    """Makes allocations beyond that fail, with MemoryError in Python. 0: no limit. Only on Linux.

    `beside` are megabytes that may be taken for something else at the same time.

    The limit is on private, writable memory (RLIMIT_DATA): 490 MB when the models are loaded
    (730 MB with PyTorch). The address space (RLIMIT_AS), then 1,440 MB, grows with each thread and
    mapped file. A page of 4 MB took another 130 MB.
    """
    if sys.platform == "linux" and megabytes:
        allowed = _private_bytes() + (megabytes + beside) * 1024 * 1024
        _, hard_limit = resource.getrlimit(resource.RLIMIT_DATA)
        if hard_limit != resource.RLIM_INFINITY:
            allowed = min(allowed, hard_limit)
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard_limit))


def _private_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
