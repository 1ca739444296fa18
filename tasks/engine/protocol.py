"""The protocol between worker and engine: frames of msgpack on a socket pair.

The engine sends `Ready` once, when it can embed, and `Loaded` once, at any time after that. The
worker sends a batch of tasks; the engine sends `Working` whenever it turns to some of them, and
answers each by its number. When all are answered the next batch may come. A frame is its length in
4 bytes, big-endian, then its body.
"""

from __future__ import annotations

import struct

import msgspec
from msgspec import Struct

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.decision import Survey, SurveyRequest
from nlp.feeds.feed import FeedReport, FeedRequest

HEADER = struct.Struct(">I")


class ReadTask(Struct, frozen=True, tag="read"):
    number: int
    request: ReadRequest


class StudyTask(Struct, frozen=True, tag="study"):
    number: int
    request: StudyRequest


class SurveyTask(Struct, frozen=True, tag="survey"):
    number: int
    request: SurveyRequest


class FeedTask(Struct, frozen=True, tag="feed"):
    number: int
    request: FeedRequest


Task = ReadTask | StudyTask | SurveyTask | FeedTask


class Batch(Struct, frozen=True):
    """Tasks to be worked on together. Their numbers are unique."""

    tasks: tuple[Task, ...]


class Ready(Struct, frozen=True, tag="ready"):
    """The engine can embed texts. It loads the other models beside its first work."""


class Loaded(Struct, frozen=True, tag="loaded"):
    """All models are loaded. Until then, any task may have to wait for them."""


class Working(Struct, frozen=True, tag="working"):
    """The engine works on these tasks now: if it dies, one of them may be the cause."""

    numbers: tuple[int, ...]


class ReadReply(Struct, frozen=True, tag="read"):
    number: int
    report: ReadReport
    cpu_seconds: float = 0.0
    """Processor time of the engine."""


class StudyReply(Struct, frozen=True, tag="study"):
    number: int
    report: StudyReport
    cpu_seconds: float = 0.0


class SurveyReply(Struct, frozen=True, tag="survey"):
    number: int
    survey: Survey
    cpu_seconds: float = 0.0


class FeedReply(Struct, frozen=True, tag="feed"):
    number: int
    report: FeedReport
    cpu_seconds: float = 0.0


class TaskFailed(Struct, frozen=True, tag="failed"):
    """This task raised an exception; the engine continues with the others."""

    number: int
    error: str


class OutOfMemory(Struct, frozen=True, tag="out_of_memory"):
    """What is being worked on needs more memory than allowed. No other reply follows."""


TaskReply = ReadReply | StudyReply | SurveyReply | FeedReply | TaskFailed
Reply = Ready | Loaded | Working | TaskReply | OutOfMemory


def encode(frame: Batch | Reply) -> bytes:
    body = msgspec.msgpack.encode(frame)
    return HEADER.pack(len(body)) + body


def decode_batch(body: bytes) -> Batch:
    return msgspec.msgpack.decode(body, type=Batch)


def decode_reply(body: bytes) -> Reply:
    reply: Reply = msgspec.msgpack.decode(body, type=Reply)
    return reply
