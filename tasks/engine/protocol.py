"""What worker and engine say to each other: frames of msgpack on a socket pair.

The engine says `Ready` once, when the models are loaded. The worker sends one request; the engine
says `Taken` when it begins on it, and then replies. A frame is its length in 4 bytes, big-endian,
then its body.
"""

from __future__ import annotations

import struct

import msgspec
from msgspec import Struct

from nlp.analysis import AnalysisReport, AnalysisRequest
from nlp.decision import Ranking, SelectionPolicy

HEADER = struct.Struct(">I")


class AnalyseRequest(Struct, frozen=True, tag="analyse"):
    request: AnalysisRequest


class RankRequest(Struct, frozen=True, tag="rank"):
    evidence: tuple[bytes, ...]
    policy: SelectionPolicy


class Ready(Struct, frozen=True, tag="ready"):
    """The models are loaded."""


class Taken(Struct, frozen=True, tag="taken"):
    """The work on the request begins: if the engine dies now, it may be the request's fault."""


class Analysed(Struct, frozen=True, tag="analysed"):
    report: AnalysisReport


class Ranked(Struct, frozen=True, tag="ranked"):
    ranking: Ranking


class OutOfMemory(Struct, frozen=True, tag="out_of_memory"):
    """The request wanted more memory than it may have."""


class Failed(Struct, frozen=True, tag="failed"):
    """The engine lives, but this request raised."""

    error: str


Request = AnalyseRequest | RankRequest
Reply = Ready | Taken | Analysed | Ranked | OutOfMemory | Failed


def encode(frame: Request | Reply) -> bytes:
    body = msgspec.msgpack.encode(frame)
    return HEADER.pack(len(body)) + body


def decode_request(body: bytes) -> Request:
    request: Request = msgspec.msgpack.decode(body, type=Request)
    return request


def decode_reply(body: bytes) -> Reply:
    reply: Reply = msgspec.msgpack.decode(body, type=Reply)
    return reply
