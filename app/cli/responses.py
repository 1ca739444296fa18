"""What the command reads of the service's answers. What it does not need may be missing."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Literal

from msgspec import Struct

from nlp.analysis import NeutralScore
from nlp.decision import NearestArticle
from tasks.jobs.job import JobState, JobType
from tasks.jobs.outcome import Failure


class Problem(Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457)."""

    title: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.title}: {self.detail}" if self.detail else self.title


class Submitted(Struct, frozen=True, kw_only=True):
    job_id: uuid.UUID
    type: JobType


class Attempt(Struct, frozen=True, kw_only=True):
    step: str
    attempt: int
    outcome: str
    at: dt.datetime | None = None
    reason: str | None = None
    detail: str | None = None


class AttemptListing(Struct, frozen=True, kw_only=True):
    attempts: tuple[Attempt, ...]


class Handled(Struct, frozen=True, kw_only=True):
    """What became of a job, or of one of many."""

    job_id: uuid.UUID
    status: Literal["cancelled", "cancelling", "purged", "submitted"]
    """`cancelling` while steps still run; `submitted` of the new job that a retry makes."""
    replayed_from: str | None = None


class Waiting(Struct, frozen=True, kw_only=True):
    """An article that waits for its host."""

    url: str
    host: str
    until: dt.datetime


class JobStatus(Struct, frozen=True, kw_only=True):
    job_id: uuid.UUID
    type: JobType
    about: str | None = None
    state: JobState
    current: int = 0
    total: int | None = None
    """None until the job's articles are known."""
    processed_urls: int = 0
    failed_urls: int = 0
    failures: tuple[Failure, ...] = ()
    waiting_count: int = 0
    waiting: tuple[Waiting, ...] = ()
    submitted_at: dt.datetime | None = None
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    not_before: dt.datetime | None = None
    deadline_at: dt.datetime | None = None
    depends_on: tuple[str, ...] = ()
    replayed_from: str | None = None
    attempts: int = 0
    trace_id: str | None = None
    error: str | None = None


class JobListing(Struct, frozen=True, kw_only=True):
    jobs: tuple[JobStatus, ...]
    next_cursor: str | None = None


class ArticleView(Struct, frozen=True, kw_only=True):
    url: str
    title: str = ""
    domain: str = ""


class ScoresView(Struct, frozen=True, kw_only=True):
    """What a score is made of; None where the service did not say."""

    overall_score: float | None = None
    relevance_score: float | None = None
    readability_score: float | None = None
    ner_density_score: float | None = None
    sentiment_score: float | None = None
    tfidf_relevance_score: float | None = None
    semantic_relevance_score: float | None = None
    recency_score: float | None = None
    reputation_score: float | None = None
    topic_coherence_score: float | None = None
    neutral: tuple[NeutralScore, ...] = ()


class RankedArticle(ScoresView, frozen=True, kw_only=True):
    article: ArticleView


class DecisionView(Struct, frozen=True, kw_only=True):
    url: str
    verdict: str
    explanation: str = ""
    title: str | None = None
    rank: int | None = None
    overall_score: float | None = None
    scores: ScoresView | None = None
    domain: str | None = None
    cluster: int | None = None
    cap: int | None = None
    duplicate_of: str | None = None
    matched_by: str | None = None
    similarity: float | None = None
    nearest: NearestArticle | None = None
    reason: str | None = None


class JobResult(Struct, frozen=True, kw_only=True):
    status: JobState
    total_urls: int | None = None
    """None for jobs that are not about articles."""
    processed_count: int = 0
    failed_count: int = 0
    failed_urls: tuple[Failure, ...] = ()
    results: tuple[RankedArticle, ...] = ()
    decisions: tuple[DecisionView, ...] = ()
    deadline_reached: bool = False
    error: str | None = None


class QueueReport(Struct, frozen=True, kw_only=True):
    paused: bool
    active_jobs: int = 0
    queued: int = 0
    wakeups: dict[str, int] = {}
    running: int = 0
    outstanding: int = 0
    oldest_queued_seconds: float | None = None
    workers: int = 0


class Paused(Struct, frozen=True, kw_only=True):
    paused: bool


class Worker(Struct, frozen=True, kw_only=True):
    worker_id: str
    seen_at: dt.datetime | None = None
    slots: int = 0
    running: int = 0
    draining: bool = False


class WorkerListing(Struct, frozen=True, kw_only=True):
    workers: tuple[Worker, ...]


class HandledPage(Struct, frozen=True, kw_only=True):
    jobs: tuple[Handled, ...]
    next_cursor: str | None = None


class Schedule(Struct, frozen=True, kw_only=True):
    schedule_id: uuid.UUID
    name: str | None = None
    cron: str
    time_zone: str = "UTC"
    missed: str = "run_once"
    type: JobType
    created_at: dt.datetime | None = None
    next_run_at: dt.datetime | None = None
    last_run_at: dt.datetime | None = None
    """None before the first."""
    last_job_id: str | None = None
    last_error: str | None = None
    """Why the last run was refused its job."""


class ScheduleListing(Struct, frozen=True, kw_only=True):
    schedules: tuple[Schedule, ...]
    next_cursor: str | None = None
