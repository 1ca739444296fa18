"""How much memory a request may take beside the models."""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.decision import Survey, SurveyRequest
from tasks.engine.protocol import (
    HEADER,
    Batch,
    Failed,
    OutOfMemory,
    ReadDone,
    ReadTask,
    Ready,
    Reply,
    StudyDone,
    StudyTask,
    SurveyDone,
    SurveyTask,
    Working,
    decode_batch,
    encode,
)
from tasks.supervision import die_with_parent


def limit_memory(megabytes: int, beside: int = 0) -> None:
    """Makes an allocation beyond that fail: MemoryError in Python. 0: no limit. On Linux alone.

    `beside` are megabytes that may be taken for something else at the same time.

    What is limited is private, writable memory (RLIMIT_DATA): 490 MB when the models are loaded
    (730 MB with PyTorch). The address space (RLIMIT_AS), then 1,440 MB, grows with each thread and
    mapped file. A page of 4 MB took another 130 MB.
    """
    if sys.platform == "linux" and megabytes:
        allowed = _private_bytes() + (megabytes + beside) * 1024 * 1024
        _, highest = resource.getrlimit(resource.RLIMIT_DATA)
        if highest != resource.RLIM_INFINITY:
            allowed = min(allowed, highest)
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, highest))


def _private_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


REST_MEGABYTES = 256
"""What may be taken beside a task while the rest is loaded, which takes 160."""

Models = TypeVar("Models")
Say = Callable[[Reply], None]


@dataclass(frozen=True, kw_only=True)
class Skills(Generic[Models]):
    """What an engine can do. See `nlp.pipeline` and `nlp.ranking.survey`."""

    load: Callable[[int], Models]
    """Gives the models; its argument is the number of threads."""
    read: Callable[[ReadRequest, Models], ReadReport]
    study: Callable[
        [Sequence[StudyRequest], Models, Callable[[Sequence[int]], None]], Iterable[StudyReport]
    ]
    survey: Callable[[SurveyRequest, Models], Survey]
    load_rest: Callable[[Models], None] = lambda _models: None
    """Loads what can wait until the engine is ready; runs beside its first work."""


def serve(skills: Skills[Models]) -> None:
    """Runs until the worker closes the socket."""
    descriptor, parent_pid, threads, megabytes = (int(argument) for argument in sys.argv[1:5])
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which ends us
    gone = contextlib.suppress(BrokenPipeError, ConnectionResetError)  # the worker
    with socket.socket(fileno=descriptor) as channel, gone:
        models = skills.load(threads)
        limit_memory(megabytes, beside=REST_MEGABYTES)

        def say(reply: Reply) -> None:
            channel.sendall(encode(reply))

        say(Ready())
        threading.Thread(target=_complete, args=(skills, models, megabytes), daemon=True).start()
        while body := _read_frame(channel):
            _Work(skills, models, say).on(decode_batch(body))


def _complete(skills: Skills[Models], models: Models, megabytes: int) -> None:
    """Loads the rest, which is not to count as what a task takes."""
    try:
        skills.load_rest(models)
    finally:
        limit_memory(megabytes)


class _Work(Generic[Models]):
    """One batch."""

    def __init__(self, skills: Skills[Models], models: Models, say: Say) -> None:
        self._skills = skills
        self._models = models
        self._say = say

    def on(self, batch: Batch) -> None:
        studies: list[StudyTask] = []
        try:
            for task in batch.tasks:
                match task:
                    case ReadTask() | SurveyTask():
                        self._alone(task)
                    case StudyTask():
                        studies.append(task)
            self._together(studies)
        except MemoryError:
            self._say(OutOfMemory())

    def _alone(self, task: ReadTask | SurveyTask) -> None:
        self._say(Working((task.number,)))
        try:
            self._say(self._answer(task))
        except (MemoryError, OSError):
            raise
        except Exception as error:
            self._say(_failed(task.number, error))

    def _answer(self, task: ReadTask | SurveyTask) -> Reply:
        match task:
            case ReadTask():
                return ReadDone(task.number, self._skills.read(task.request, self._models))
            case SurveyTask():
                return SurveyDone(task.number, self._skills.survey(task.request, self._models))

    def _together(self, tasks: Sequence[StudyTask]) -> None:
        def working(places: Sequence[int]) -> None:
            self._say(Working(tuple(tasks[place].number for place in places)))

        waiting = list(tasks)
        try:
            requests = [task.request for task in tasks]
            for report in self._skills.study(requests, self._models, working):
                self._say(StudyDone(waiting[0].number, report))
                del waiting[0]
        except (MemoryError, OSError):
            raise
        except Exception as error:
            if len(tasks) == 1:
                self._say(_failed(tasks[0].number, error))
                return
            for task in waiting:  # whose fault it was, only single calls can tell
                self._together([task])


def _failed(number: int, error: Exception) -> Failed:
    return Failed(number, f"{type(error).__name__}: {error}")


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
