"""What a client asks for, and what makes two of them the same."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

from tasks.jobs.job import Params, Priority
from tasks.jobs.record import IdempotencyKey


class Submission(Struct, frozen=True, kw_only=True):
    """What a client asks for: the parameters of a job's type, and when and how it is to run."""

    params: Params
    priority: Priority = Priority.NORMAL
    depends_on: tuple[str, ...] = ()
    """Ids of the jobs that must be SUCCESS before this one starts."""
    not_before_ms: int | None = None
    """When it may start, in ms since the epoch."""
    deadline_seconds: float | None = None
    """How long after its submission it ranks what it has."""
    replayed_from: str | None = None


def idempotency_of(submission: Submission, key: str) -> IdempotencyKey:
    """The digests by which the ledger knows the same submission again."""
    return IdempotencyKey(
        key_digest=hashlib.sha256(key.encode()).hexdigest(),
        submission_digest=hashlib.sha256(msgspec.msgpack.encode(submission)).hexdigest(),
    )
