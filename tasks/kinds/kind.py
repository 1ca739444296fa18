"""What a type of job must be able to do."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from tasks.job import Job
from tasks.outcome import ArticleAnalysed, Candidate


class Discovery(Struct, frozen=True, kw_only=True):
    """What `discover` found."""

    candidates: tuple[Candidate, ...]
    report: bytes = b"null"
    """What the sources reported, as JSON."""


class Kind(Protocol):
    """The three steps of one type of job.

    Each raises PermanentFailure or TransientFailure with the reason, where it cannot succeed.
    """

    async def discover(self, job: Job) -> Discovery: ...

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed: ...

    async def rank(self, job: Job) -> bytes:
        """The job's result, as JSON."""
        ...
