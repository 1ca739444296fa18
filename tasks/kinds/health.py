"""`health_check`: pass once through queue, worker and engine."""

from __future__ import annotations

import time

import msgspec

from nlp.analysis import Weights
from nlp.decision import SelectionPolicy, SurveyRequest
from tasks.errors import PermanentFailure, Reason
from tasks.job import Job, JobState
from tasks.kinds.kind import Discovery
from tasks.outcome import ArticleAnalysed, Candidate
from tasks.ports import Engine


class HealthKind:
    def __init__(self, engine: Engine, worker: str) -> None:
        self._engine = engine
        self._worker = worker

    async def discover(self, job: Job) -> Discovery:
        return Discovery(candidates=())

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        raise PermanentFailure(Reason.INTERNAL_ERROR, "A health check has no articles.")

    async def rank(self, job: Job) -> bytes:
        started = time.perf_counter()
        nothing = SurveyRequest(
            evidence=(), query=None, policy=SelectionPolicy(), weights=Weights()
        )
        await self._engine.survey(nothing)
        return msgspec.json.encode(
            {
                "status": JobState.SUCCESS,
                "state": JobState.SUCCESS,
                "job_id": job.id,
                "type": job.type,
                "worker": self._worker,
                "engine_seconds": round(time.perf_counter() - started, 3),
            }
        )
