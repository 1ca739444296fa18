"""What a client asks for, and what makes two requests the same request."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

from tasks.jobs.job import Params, Priority
from tasks.jobs.record import IdempotencyKey


class Submission(Struct, frozen=True, kw_only=True):
    """What a client asks for: the parameters of a job's type, and when and how the job runs."""

    params: Params
    priority: Priority = Priority.NORMAL
    depends_on: tuple[str, ...] = ()
    """Ids of the jobs that must be SUCCESS before this one starts."""
    not_before_ms: int | None = None
    """The earliest start, in ms since the epoch."""
    deadline_seconds: float | None = None
    """The time after the submission at which the job ranks the articles that it has."""
    replayed_from: str | None = None
    """Id of the job that this one retries."""


def client_key(submission: Submission, key: str) -> IdempotencyKey:
    """The key that a client sent with this submission."""
    return IdempotencyKey(
        name=_digest(key.encode()), submission_digest=_digest(msgspec.msgpack.encode(submission))
    )


def retry_key(job_id: str) -> IdempotencyKey:
    """The key of our own that allows one retry of this job. No client's key has such a name.

    A job that has ended never changes, so its id stands for the submission that retries it. A
    digest of that would make the retry of an earlier release a conflict.
    """
    return IdempotencyKey(name=f"retry:{job_id}", submission_digest=_digest(job_id.encode()))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
