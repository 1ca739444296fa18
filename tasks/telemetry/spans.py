"""Finished spans as they are kept with their job.

They are stored as MessagePack, deflated: a span takes some 50 bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

Attributes = Mapping[str, Any]
"""Names → text, numbers, booleans, or lists of these."""

COMPRESSION = 1
"""Three times as fast as the default level, and a twentieth larger here."""


class SpanEvent(Struct, frozen=True, array_like=True):
    """Something that happened during a span, such as an exception."""

    name: str
    time_ns: int
    attributes: Attributes


class FinishedSpan(Struct, frozen=True, array_like=True):
    """One span. Times are nanoseconds since 1970."""

    trace_id: bytes
    """16 bytes."""
    span_id: bytes
    """8 bytes."""
    parent_id: bytes
    """Empty for the root of its trace."""
    name: str
    kind: int
    """By the numbers of OTLP."""
    start_ns: int
    end_ns: int
    attributes: Attributes
    error: str | None = None
    """What went wrong; None where nothing did."""
    events: tuple[SpanEvent, ...] = ()
    service: str = ""
    """Of the process that made it."""

    @property
    def seconds(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9


class JobTrace(Struct, frozen=True, kw_only=True):
    """What is kept of the trace of one job, in the order in which it ended."""

    spans: tuple[FinishedSpan, ...] = ()
    dropped: int = 0
    """Packs of spans for which there was no room."""


def pack(spans: Sequence[FinishedSpan]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(spans), COMPRESSION)


def unpack(packed: bytes) -> tuple[FinishedSpan, ...]:
    """Raises ValueError for bytes that `pack` did not make."""
    try:
        return _DECODER.decode(zlib.decompress(packed))
    except zlib.error as error:
        raise ValueError(str(error)) from error


_DECODER = msgspec.msgpack.Decoder(tuple[FinishedSpan, ...])
