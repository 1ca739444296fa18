"""One article of a job: from its URL to the evidence that the job is ranked by."""

from __future__ import annotations

import datetime as dt
from contextlib import AsyncExitStack

import msgspec
from msgspec.structs import replace

from nlp.analysis import (
    DETAIL_CHARS,
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
from tasks.cache.analysis_cache import AnalysisCache
from tasks.errors import PermanentFailure, Reason
from tasks.fetch.rate_limiter import KeyedSemaphore
from tasks.jobs.job import Job
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.jobs.result import article_result
from tasks.ports import Engine, Fetcher
from tasks.step_context import soft_limit_paused
from tasks.telemetry import fetch_span, record_stages


class ArticleAnalyser:
    """Fetches, reads and studies articles. What is known of them from before is not done again."""

    def __init__(
        self, fetcher: Fetcher, engine: Engine, analyses: AnalysisCache, policy: AnalysisPolicy
    ) -> None:
        self._fetcher = fetcher
        self._engine = engine
        self._analyses = analyses
        self._policy = policy
        self._turns = KeyedSemaphore(per_key=1)

    async def analyse(self, job: Job, candidate: Candidate, depth: Depth) -> ArticleAnalysed:
        """Raises PermanentFailure or TransientFailure with the reason."""
        with fetch_span(candidate.url):
            page = await self._fetcher.page(candidate.url)
        article, read_before = await self._read(page)
        study, studied_before = await self.study(job, article, depth)
        evidence = Evidence(article=article, study=study, cached=read_before and studied_before)
        return ArticleAnalysed(
            url=candidate.url,
            result=article_result(evidence, study.scores),
            evidence=msgspec.msgpack.encode(_lean(evidence)),
        )

    async def _read(self, page: Page) -> tuple[Article, bool]:
        """The article, and whether it was known."""
        known = await self._analyses.reading(page)
        outcome = known
        if outcome is None:
            least = self._policy.min_word_count
            report = await self._engine.read(ReadRequest(page=page, min_word_count=least))
            record_stages(report)
            outcome = report.outcome
            if not _failed(report):
                await self._analyses.keep_reading(page, outcome)
        if isinstance(outcome, Rejection):
            raise PermanentFailure(Reason(outcome.reason), outcome.detail)
        return outcome, known is not None

    async def study(
        self, job: Job, article: Article, depth: Depth, seen: Impression | None = None
    ) -> tuple[Study, bool]:
        """What is known of the article in the light of the job, and whether its text was before.

        `seen` is its impression where the job has it already.
        """
        text = f"{article.title}\n{article.text}"
        async with AsyncExitStack() as turn:
            with soft_limit_paused():  # who comes second finds what the first has kept
                await turn.enter_async_context(self._turns.slot(text))
            impression, details = await self._analyses.of_text(article)
            if depth is Depth.IMPRESSION:
                # Else what other jobs looked at would count in the comparison, the rest not.
                details = None
            request = self._request(job, article, depth, seen or impression, details)
            report = await self._engine.study(request)
            record_stages(report)
            if not _failed(report):
                await self._keep(request, report.study)
        made = request.impression is None or (
            request.details is None and report.study.details is not None
        )
        return report.study, not made

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
            now=_hour_of(job),
            query=job.query,
            policy=self._policy,
            depth=depth,
            impression=impression,
            details=details,
        )

    async def _keep(self, request: StudyRequest, study: Study) -> None:
        """For other jobs, what was not known before."""
        if request.impression is None:
            await self._analyses.keep_impression(request.article, study.impression)
        if request.details is None and study.details is not None:
            await self._analyses.keep_details(request.article, study.details)


def _failed(report: ReadReport | StudyReport) -> bool:
    """Whether something stands in for what a stage could not tell: this once, it may be."""
    return any(stage.error for stage in report.stages)


def _hour_of(job: Job) -> dt.datetime:
    """The full hour in which the job was submitted: a job and the same job a minute later are to
    find the same articles equally new."""
    submitted = dt.datetime.fromtimestamp(job.submitted_ms / 1000, dt.UTC)
    return submitted.replace(minute=0, second=0, microsecond=0)


def _lean(evidence: Evidence) -> Evidence:
    """With so much of the text as is needed to look at its details, if that is yet to be done."""
    if evidence.study.details is not None:
        return without_text(evidence)
    article = evidence.article
    return replace(evidence, article=replace(article, text=article.text[:DETAIL_CHARS]))


def without_text(evidence: Evidence) -> Evidence:
    return replace(evidence, article=replace(evidence.article, text=""))
