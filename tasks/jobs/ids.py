"""Ids of jobs and schedules: UUIDs of version 7, which sort by time."""

from __future__ import annotations

import re
import secrets
from typing import Annotated

from msgspec import Meta


def new_job_id(now_ms: int) -> str:
    """A UUID of version 7 (RFC 9562): 48 bits of time, then random bits."""
    return job_id_from(now_ms, secrets.token_bytes(10))


def job_id_from(now_ms: int, entropy: bytes) -> str:
    """The UUID of version 7 with this time and these 10 bytes in place of the random ones."""
    bits = now_ms << 80 | int.from_bytes(entropy[:10], "big")
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return _as_uuid(bits)


class JobIds:
    """New ids, each greater than the one before, even within a millisecond and if the clock is set
    back.

    This is method 2 of RFC 9562, section 6.2: the random part of a millisecond's first id is
    incremented for each further id. The increments are random, so that the next id cannot be
    guessed. Thus a process lists its jobs in the order in which it received them.
    """

    def __init__(self) -> None:
        self._last = ""

    def next(self, now_ms: int) -> str:
        fresh = new_job_id(now_ms)
        later = fresh[:TIME_CHARS] > self._last[:TIME_CHARS]
        self._last = fresh if later else _after(self._last)
        return self._last


TIME_CHARS = len("01234567-89ab")
"""The part of an id that holds its milliseconds."""


def _after(job_id: str) -> str:
    return _as_uuid(int(job_id.replace("-", ""), 16) + 1 + secrets.randbelow(1 << 32))


def _as_uuid(bits: int) -> str:
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_JOB_ID = re.compile(_PATTERN)

JobId = Annotated[str, Meta(pattern=f"^{_PATTERN}$", extra_json_schema={"format": "uuid"})]
"""An id of a job or a schedule on the wire. Only decoding checks its form."""


def is_job_id(text: str) -> bool:
    """Whether this has the form of an id. Only the ledger knows whether such a job exists."""
    return _JOB_ID.fullmatch(text) is not None
