"""From the outcomes of a job to its result: `rank`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nlp.analysis import Depth, Details, Evidence, Score
from nlp.decision import Decision, Ranking, SelectionPolicy, SurveyRequest
from nlp.neutral import NEUTRAL
from nlp.ranking.admission import not_admitted
from nlp.ranking.selection import Selection
from nlp.scores.scorecard import composite_for
from tasks.cost import Cost, current_meter
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure, UnknownJob
from tasks.jobs.job import Job, JobState, TopicCuration
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleFailed, ArticleOutcome
from tasks.jobs.record import JobRecord
from tasks.jobs.result import (
    ArticlesResult,
    article_result,
    cost_of,
    failed_decision,
    failures_among,
    read_sources,
)
from tasks.kinds.article_analysis import ArticleAnalyser, hour_of, without_text
from tasks.policies import CurationPolicy
from tasks.ports import Engine
from tasks.step_context import soft_limit, soft_limit_paused

OUTCOMES_READ = 500
"""Outcomes in one call to the ledger."""

DETAILS_AT_ONCE = 4
"""Articles whose details are made at the same time. With more, the last ones would often turn out
not to be needed."""

DETAILS_TRIES = 2
"""A page that kills the engine must cost only its own details."""


class Ranked(Struct, frozen=True, kw_only=True):
    """A job's outcomes, and the selection among them."""

    outcomes: tuple[ArticleOutcome, ...]
    results: tuple[msgspec.Raw, ...]
    decisions: tuple[Decision, ...]
    """Of the analysed articles, in their order."""


class ArticleRanker:
    """Compares a job's articles, makes the details of those that may be kept, and selects."""

    def __init__(
        self, ledger: Ledger, engine: Engine, analyser: ArticleAnalyser, policy: CurationPolicy
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._analyser = analyser
        self._policy = policy

    async def rank(
        self,
        job: Job,
        *,
        diversify: bool,
        max_articles: int | None = None,
        min_relevance: float = 0.0,
    ) -> bytes:
        """The result, as JSON. Raises PermanentFailure if each of the articles failed."""
        record = await self._ledger.record(job.id)
        if record is None:
            raise UnknownJob
        defaults = replace(
            self._policy.selection,
            diversify=diversify and self._policy.selection.diversify,
            max_articles=max_articles,
            min_relevance=min_relevance,
        )
        policy = job.options.selection(defaults)
        ranked = await self._select(job, policy)
        sources = await self._ledger.discovery(job.id)
        return msgspec.json.encode(_result(job, record, ranked, policy.diversify, sources))

    async def _select(self, job: Job, policy: SelectionPolicy) -> Ranked:
        outcomes = await self._outcomes(job.id)
        _require_any_analysed(outcomes)
        stored = await self._ledger.evidence(job.id)
        indexes = sorted(stored)
        evidence = [msgspec.msgpack.decode(stored[index], type=Evidence) for index in indexes]
        admission = job.options.admission
        objections = [admission.objection(each.article) for each in evidence]
        places = [place for place, objection in enumerate(objections) if not objection]
        admitted = [evidence[place] for place in places]
        costs = [cost_of(outcomes[indexes[place]]) for place in places]
        ranking, results = await self._rank_admitted(job, policy, admitted, costs)
        selected = iter(ranking.decisions)
        decisions = [
            not_admitted(each.article, objection) if objection else next(selected)
            for each, objection in zip(evidence, objections, strict=True)
        ]
        return Ranked(outcomes=outcomes, results=results, decisions=tuple(decisions))

    async def _rank_admitted(
        self,
        job: Job,
        policy: SelectionPolicy,
        evidence: list[Evidence],
        costs: Sequence[Cost],
    ) -> tuple[Ranking, tuple[msgspec.Raw, ...]]:
        """The ranking, and the results of what is kept. What has no details yet gets them."""
        weights = job.options.analysis(self._policy.analysis).weights
        survey = await self._engine.survey(
            SurveyRequest(
                evidence=tuple(map(without_text, evidence)),
                query=job.query,
                policy=policy,
                weights=weights,
            )
        )
        selection = Selection(
            evidence, survey, policy, composite_for(job.query, weights), hour_of(job)
        )
        while places := selection.needing_details(DETAILS_AT_ONCE):
            detailed = await asyncio.gather(
                *(self._with_details(job, evidence[place]) for place in places)
            )
            for place, new_evidence in zip(places, detailed, strict=True):
                evidence[place] = new_evidence
            selection.add_densities({place: _density(evidence[place]) for place in places})
        ranking = selection.ranking()
        return ranking, tuple(
            article_result(evidence[place], selection.scores(place), story, cost=costs[place])
            for place, story in zip(ranking.kept, ranking.stories, strict=True)
        )

    async def _with_details(self, job: Job, evidence: Evidence) -> Evidence:
        """The evidence with the article's details, or with the reason why they are missing."""
        failure: StepError | None = None
        for _ in range(DETAILS_TRIES):
            try:
                return await self._try_details(job, evidence)
            except TransientFailure as error:
                failure = error
            except StepError as error:
                failure = error
                break
        reason = f"Its details could not be made: {failure}"
        missing = Details(ner_density=Score(NEUTRAL, reason))
        return replace(evidence, study=replace(evidence.study, details=missing))

    async def _try_details(self, job: Job, evidence: Evidence) -> Evidence:
        """Within a soft limit of its own: a page that hangs must cost only its own details.

        Raises StepError.
        """
        limit = self._policy.details_limit_seconds
        try:
            with soft_limit_paused():
                async with soft_limit(limit):
                    study, cached = await self._analyser.study(
                        job, evidence.article, Depth.DETAILS, evidence.study.impression
                    )
        except TimeoutError as error:
            detail = f"The details took longer than {limit:g} s."
            raise PermanentFailure(Reason.TIMED_OUT, detail) from error
        return replace(evidence, study=study, cached=evidence.cached and cached)

    async def _outcomes(self, job_id: str) -> tuple[ArticleOutcome, ...]:
        outcomes: list[ArticleOutcome] = []
        start: int | None = 0
        while start is not None:
            page = await self._ledger.outcomes(job_id, start, OUTCOMES_READ)
            outcomes += page.outcomes
            start = page.next_cursor
        return tuple(outcomes)


def _require_any_analysed(outcomes: Sequence[ArticleOutcome]) -> None:
    """A job without any candidate has not failed: there is nothing on its topic."""
    if not outcomes or not all(isinstance(outcome, ArticleFailed) for outcome in outcomes):
        return
    first = failures_among(outcomes)[0]
    number = f"All {len(outcomes)} articles failed" if len(outcomes) > 1 else "Its article failed"
    raise PermanentFailure(Reason.ALL_FAILED, f"{number}: {first.detail}")


def _density(evidence: Evidence) -> Score:
    details = evidence.study.details
    return details.ner_density if details else Score(NEUTRAL)


def _result(
    job: Job, record: JobRecord, ranked: Ranked, diversified: bool, sources: bytes | None
) -> ArticlesResult[msgspec.Raw]:
    failed = failures_among(ranked.outcomes)
    is_topic = isinstance(job.params, TopicCuration)
    return ArticlesResult(
        status=JobState.SUCCESS,
        state=JobState.SUCCESS,
        job_id=job.id,
        type=job.type,
        total_urls=len(ranked.outcomes),
        processed_count=len(ranked.outcomes) - len(failed),
        failed_count=len(failed),
        failed_urls=tuple(failure.url for failure in failed),
        failures=failed,
        results=ranked.results,
        topic=job.query if is_topic else None,
        query=None if is_topic else job.query,
        diversity_applied=diversified,
        decisions=_decisions(ranked),
        deadline_reached=record.deadline_reached,
        sources=read_sources(sources) if is_topic else None,
        cost=sum(map(cost_of, ranked.outcomes), current_meter().cost()),
        articles_reanalysed=record.reanalysed,
    )


def _decisions(ranked: Ranked) -> tuple[Decision, ...]:
    """One for each outcome, in their order."""
    remaining = iter(ranked.decisions)
    return tuple(
        failed_decision(outcome) if isinstance(outcome, ArticleFailed) else next(remaining)
        for outcome in ranked.outcomes
    )
