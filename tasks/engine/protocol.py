"""What worker and engine say to each other: frames of msgpack on a socket pair.

The engine says `Ready` once, when it can embed. The worker sends a batch of tasks; the engine says
`Working` whenever it turns to some of them, and answers each by its number. When all are answered
the next batch may come. A frame is its length in 4 bytes, big-endian, then its body.
"""

from __future__ import annotations

import struct

import msgspec
from msgspec import Struct

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.decision import Survey, SurveyRequest

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


Task = ReadTask | StudyTask | SurveyTask


class Batch(Struct, frozen=True):
    """Tasks to be worked on together. Their numbers differ from each other."""

    tasks: tuple[Task, ...]


class Ready(Struct, frozen=True, tag="ready"):
    """Texts can be embedded; the rest is loaded when it is first needed."""


class Working(Struct, frozen=True, tag="working"):
    """The work is on these tasks now: if the engine dies, it may be the fault of one of them."""

    numbers: tuple[int, ...]


class ReadDone(Struct, frozen=True, tag="read"):
    number: int
    report: ReadReport


class StudyDone(Struct, frozen=True, tag="study"):
    number: int
    report: StudyReport


class SurveyDone(Struct, frozen=True, tag="survey"):
    number: int
    survey: Survey


class Failed(Struct, frozen=True, tag="failed"):
    """The engine lives, but this task raised."""

    number: int
    error: str


class OutOfMemory(Struct, frozen=True, tag="out_of_memory"):
    """What was being worked on wanted more memory than it may have. Nothing more is answered."""


Done = ReadDone | StudyDone | SurveyDone | Failed
Reply = Ready | Working | Done | OutOfMemory


def encode(frame: Batch | Reply) -> bytes:
    body = msgspec.msgpack.encode(frame)
    return HEADER.pack(len(body)) + body


def decode_batch(body: bytes) -> Batch:
    return msgspec.msgpack.decode(body, type=Batch)


def decode_reply(body: bytes) -> Reply:
    reply: Reply = msgspec.msgpack.decode(body, type=Reply)
    return reply
