"""What worker and engine say to each other: frames of msgpack on a socket pair.

The worker sends one request and waits for its reply. The engine says `Ready` once, when the models
are loaded. A frame is its length in 4 bytes, big-endian, then its body.
"""

from __future__ import annotations

import struct
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta, Struct

from nlp.analysis import AnalysisReport, AnalysisRequest
from nlp.decision import Ranking, SelectionPolicy

HEADER = struct.Struct(">I")
LARGEST_FRAME = 1 << 30
"""A sane bound: the evidence of 100,000 articles is below it."""


class AnalyseRequest(Struct, frozen=True, tag="analyse"):
    request: AnalysisRequest


class RankRequest(Struct, frozen=True, tag="rank"):
    evidence: tuple[bytes, ...]
    policy: SelectionPolicy


class Ready(Struct, frozen=True, tag="ready"):
    """The models are loaded."""


class Analysed(Struct, frozen=True, tag="analysed"):
    report: AnalysisReport


class Ranked(Struct, frozen=True, tag="ranked"):
    ranking: Ranking


class Failed(Struct, frozen=True, tag="failed"):
    """The engine lives, but this request raised."""

    error: str
    out_of_memory: Annotated[bool, Meta(description="whether the step asked for too much")] = False


Request = AnalyseRequest | RankRequest
Reply = Ready | Analysed | Ranked | Failed


class Socket(Protocol):
    def sendall(self, data: bytes) -> None: ...

    def recv(self, size: int) -> bytes: ...


def encode(frame: Request | Reply) -> bytes:
    body = msgspec.msgpack.encode(frame)
    return HEADER.pack(len(body)) + body


def decode_request(body: bytes) -> Request:
    request: Request = msgspec.msgpack.decode(body, type=Request)
    return request


def decode_reply(body: bytes) -> Reply:
    reply: Reply = msgspec.msgpack.decode(body, type=Reply)
    return reply
