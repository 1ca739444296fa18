"""One article of a job, from its URL to the evidence that `rank` works on.

The page is fetched, read (page → article) and studied (article → impression, details, scores).
What the analysis cache has of an earlier job is not made again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Container
from contextlib import AsyncExitStack
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from nlp.analysis import (
    DETAIL_CHARS,
    DETAIL_STAGES,
    IMPRESSION_STAGES,
    AnalysisPolicy,
    Depth,
    Details,
    Evidence,
    Impression,
    ReadReport,
    ReadRequest,
    Rejection,
    Study,
    StudyReport,
    StudyRequest,
)
from nlp.article import Article, Page
from tasks.cache.analysis_cache import AnalysisCache, Known
from tasks.cost import current_meter
from tasks.errors import HostBusy, PermanentFailure, Reason, TransientFailure
from tasks.jobs.job import Job
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.jobs.result import article_result
from tasks.keyed_semaphore import KeyedSemaphore
from tasks.ports import Engine, Fetcher
from tasks.step_context import soft_limit_paused
from tasks.telemetry.names import CACHED
from tasks.telemetry.tracing import annotate

T = TypeVar("T")


class ArticleAnalyser:
    """Fetches, reads and studies articles."""

    def __init__(
        self,
        fetcher: Fetcher,
        engine: Engine,
        analyses: AnalysisCache,
        policy: AnalysisPolicy,
        *,
        fetch_retry_delay: float = 0.0,
    ) -> None:
        """`fetch_retry_delay`: see `CurationPolicy`."""
        self._fetcher = fetcher
        self._engine = engine
        self._analyses = analyses
        self._policy = policy
        self._fetch_retry_delay = fetch_retry_delay
        self._one_per_text = KeyedSemaphore(per_key=1)

    async def analyse(self, job: Job, candidate: Candidate, depth: Depth) -> ArticleAnalysed:
        """Raises PermanentFailure or TransientFailure with the reason."""
        page = await self._page(candidate.url)
        article, read_before = await self._read(page, self._policy_of(job).min_word_count)
        study, studied_before = await self.study(job, article, depth)
        annotate(CACHED, _cached_parts(read_before, studied_before))
        evidence = Evidence(article=article, study=study, cached=read_before and studied_before)
        return ArticleAnalysed(
            url=candidate.url,
            result=article_result(evidence, study.scores, cost=current_meter().cost()),
            evidence=msgspec.msgpack.encode(_lean(evidence)),
        )

    async def _page(self, url: str) -> Page:
        """The page, fetched a second time where the first fetch failed in a way that often passes
        at once: otherwise a job would wait for the next try of its slowest article."""
        try:
            return await self._fetcher.page(url)
        except TransientFailure as failure:
            if not failure.momentary or not self._fetch_retry_delay:
                raise
            with soft_limit_paused():
                await asyncio.sleep(self._fetch_retry_delay)
            try:
                return await self._fetcher.page(url)
            except HostBusy:  # postponed, the step would begin with the first fetch again
                raise failure from None

    def _policy_of(self, job: Job) -> AnalysisPolicy:
        return job.options.analysis(self._policy)

    async def _read(self, page: Page, min_words: int) -> tuple[Article, bool]:
        """The article, and whether its reading was cached."""
        known = await self._analyses.reading(page, min_words)
        if known is None:
            report = await self._engine.read(ReadRequest(page=page, min_word_count=min_words))
            if not _has_failed_stage(report):
                spent = _seconds(report)
                await self._analyses.keep_reading(page, min_words, report.outcome, spent)
        else:
            report = known.value
            current_meter().saved_seconds += known.engine_seconds
        outcome = report.outcome
        if isinstance(outcome, Rejection):
            raise PermanentFailure(Reason(outcome.reason), outcome.detail)
        return outcome, known is not None

    async def study(
        self, job: Job, article: Article, depth: Depth, own_impression: Impression | None = None
    ) -> tuple[Study, bool]:
        """The article's study in the light of the job, and whether all of its text was cached.

        `own_impression` is the one that the job has already, if any. A text that is studied at the
        moment is waited for, so that it is studied once and then found in the cache.
        """
        text = f"{article.title}\n{article.text}"
        async with AsyncExitStack() as slot:
            with soft_limit_paused():
                await slot.enter_async_context(self._one_per_text.slot(text))
            impression, details = await self._analyses.of_text(article)
            if depth is Depth.IMPRESSION:
                # Otherwise details that another job needed would count in the comparison, while
                # most articles have none.
                details = None
            impression_used = own_impression or _used(impression)
            request = self._request(job, article, depth, impression_used, _used(details))
            report = await self._engine.study(request)
            if not _has_failed_stage(report):
                await self._keep(request, report)
        has_new_details = request.details is None and report.study.details is not None
        return report.study, request.impression is not None and not has_new_details

    def _request(
        self,
        job: Job,
        article: Article,
        depth: Depth,
        impression: Impression | None,
        details: Details | None,
    ) -> StudyRequest:
        return StudyRequest(
            article=article,
            now=hour_of(job),
            query=job.query,
            policy=self._policy_of(job),
            depth=depth,
            impression=impression,
            details=details,
        )

    async def _keep(self, request: StudyRequest, report: StudyReport) -> None:
        """Caches the parts that are new, for other jobs."""
        article, study = request.article, report.study
        if request.impression is None:
            spent = _seconds(report, IMPRESSION_STAGES)
            await self._analyses.keep_impression(article, study.impression, spent)
        if request.details is None and study.details is not None:
            spent = _seconds(report, DETAIL_STAGES)
            await self._analyses.keep_details(article, study.details, spent)


def _used(known: Known[T] | None) -> T | None:
    """What is known, which saves what it once cost."""
    if known is None:
        return None
    current_meter().saved_seconds += known.engine_seconds
    return known.value


def _cached_parts(read_before: bool, studied_before: bool) -> list[str]:
    return ["reading"] * read_before + ["study"] * studied_before


def _seconds(report: ReadReport | StudyReport, stages: Container[str] | None = None) -> float:
    """Processor time of these stages of a report, or of all."""
    return sum(
        stage.cpu_seconds for stage in report.stages if stages is None or stage.name in stages
    )


def _has_failed_stage(report: ReadReport | StudyReport) -> bool:
    """Whether a neutral value replaces what a stage could not measure. Such a report is not cached:
    the failure may not happen again."""
    return any(stage.error for stage in report.stages)


def hour_of(job: Job) -> dt.datetime:
    """The start of the hour in which the job was submitted, so that the same job a minute later
    finds the articles equally recent."""
    submitted = dt.datetime.fromtimestamp(job.submitted_ms / 1000, dt.UTC)
    return submitted.replace(minute=0, second=0, microsecond=0)


def _lean(evidence: Evidence) -> Evidence:
    """Keeps only the part of the text that the details need, and none if they are made already."""
    if evidence.study.details is not None:
        return without_text(evidence)
    article = evidence.article
    return replace(evidence, article=replace(article, text=article.text[:DETAIL_CHARS]))


def without_text(evidence: Evidence) -> Evidence:
    return replace(evidence, article=replace(evidence.article, text=""))
