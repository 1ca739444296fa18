"""A web service with canned responses, and `run`, which runs `curator` against it.

The responses are made of the types that the web service writes.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import httpx
import msgspec
from click.testing import CliRunner, Result

from app.api.models.jobs import Cancellation, JobSubmitted, StatusReport
from app.cli.context import CliContext
from app.cli.main import cli
from nlp.decision import Decision, Verdict
from tasks.jobs.job import JobState, JobType
from tasks.jobs.outcome import Failure
from tasks.jobs.result import ArticleResult, ArticlesResult, HealthCheckResult, ResultArticle

JOB = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
HOSTILE = "\x1b]0;owned\x07\x1b[31m[bold]Tides[/bold]\u009b2J\u202e\nagain"
TAMED = "]0;owned[31m[bold]Tides[/bold]2J again"

HEALTH = HealthCheckResult(
    status=JobState.SUCCESS,
    state=JobState.SUCCESS,
    job_id=JOB,
    type=JobType.HEALTH_CHECK,
    worker="worker-1",
    engine_seconds=0.1,
)

# Unset, as in a shell without a terminal, whatever shell the tests run in.
_PLAIN: dict[str, str | None] = dict.fromkeys(
    ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS")
)

Reply = httpx.Response | Exception


class WebStub:
    """Answers each call with its replies in turn, and repeats the last one."""

    def __init__(self, replies: Mapping[str, Reply | list[Reply]]) -> None:
        self._replies = {
            call: list(reply) if isinstance(reply, list) else [reply]
            for call, reply in replies.items()
        }
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        replies = self._replies[f"{request.method} {request.url.path}"]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)

    def calls(self) -> list[str]:
        """Method and path of each request."""
        return [f"{request.method} {request.url.path}" for request in self.requests]

    def body(self) -> Any:
        """The decoded body of the last request."""
        return json.loads(self.requests[-1].content)


def run(
    *args: str,
    web: Callable[[httpx.Request], httpx.Response] | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: str | None = None,
    sleep: Callable[[float], None] = lambda seconds: None,
    clock: Callable[[], float] = lambda: 0.0,
    terminal: bool = False,
    interactive: bool = False,
) -> Result:
    context = CliContext(
        environ=environ or {},
        transport=httpx.MockTransport(web or WebStub({})),
        sleep=sleep,
        clock=clock,
        interactive=lambda: interactive,
    )
    variables = {**_PLAIN, "FORCE_COLOR": "1"} if terminal else _PLAIN
    return CliRunner(env=variables).invoke(
        cli, args, obj=context, input=stdin, catch_exceptions=False, prog_name="curator"
    )


def respond(document: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=document)


def problem(status: int, title: str, detail: str = "") -> httpx.Response:
    return httpx.Response(
        status,
        json={"type": "about:blank", "status": status, "title": title, "detail": detail},
        headers={"content-type": "application/problem+json"},
    )


def submitted(**changes: Any) -> httpx.Response:
    model = JobSubmitted(job_id=JOB, type=JobType.TOPIC_CURATION, topic="tides", urls_count=None)
    return respond({**document_of(model), **changes}, 202)


def cancelled(job_id: str, status: Literal["cancelled", "cancelling"]) -> httpx.Response:
    return respond(document_of(Cancellation(job_id=job_id, status=status)), 202)


def job_status(state: str = "PROGRESS", **changes: Any) -> dict[str, Any]:
    report = StatusReport(
        job_id=JOB,
        type=JobType.BATCH_ANALYSIS,
        about=None,
        state=JobState(state),
        status=JobState(state),
        cancelling=False,
        current=3,
        total=10,
        processed_count=2,
        failed_count=1,
        processed_urls=("https://a.example/2", "https://a.example/3"),
        failed_urls=("https://a.example/1",),
        failures=(Failure(url="https://a.example/1", reason="not_found", detail="404"),),
        waiting_count=0,
        waiting=(),
        retrying_count=0,
        retrying=(),
        submitted_at=dt.datetime(2025, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        started_at=None,
        finished_at=None,
        expires_at=None,
        not_before=None,
        deadline_at=None,
        deadline_reached=False,
        depends_on=(),
        replayed_from=None,
        retry_count=4,
        articles_reanalysed=0,
        trace_id="0af7651916cd43dd8448eb211c80319c",
        error=None,
    )
    return {**document_of(report), **changes}


def job_result(state: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    result = ArticlesResult[ArticleResult](
        status=JobState(state),
        state=JobState(state),
        job_id=JOB,
        type=JobType.BATCH_ANALYSIS,
        total_urls=3,
        processed_count=2,
        failed_count=1,
        failed_urls=("https://a.example/3",),
        failures=(Failure(url="https://a.example/3", reason="too_short", detail="90 words"),),
        results=(),
        diversity_applied=False,
        decisions=(
            Decision(
                url="https://a.example/Tides", verdict=Verdict.KEPT, explanation="Rank 1 of 2."
            ),
        ),
    )
    tides = ranked("Tides", 81.25, publish_date="2025-03-01T07:00:00Z", summary="The sea rises.")
    results = [tides, ranked("Reefs", 64.0)]
    return {**document_of(result), "results": results, **changes}


def ranked(title: str, score: float, /, **article: Any) -> dict[str, Any]:
    result = ArticleResult(
        overall_score=score,
        readability_score=77.7,
        ner_density_score=50.0,
        sentiment_score=50.0,
        tfidf_relevance_score=50.0,
        recency_score=50.0,
        reputation_score=50.0,
        topic_coherence_score=50.0,
        semantic_relevance_score=50.0,
        relevance_score=50.0,
        cached=False,
        article=ResultArticle(
            url=f"https://a.example/{title.split()[0]}",
            canonical_url=f"https://a.example/{title.split()[0]}",
            domain="a.example",
            title=title,
            author=None,
            publish_date=None,
            language="en",
            word_count=400,
            summary="",
            keywords=(),
            entities=(),
        ),
    )
    document = document_of(result)
    document["article"].update(article)
    return document


def document_of(model: msgspec.Struct) -> dict[str, Any]:
    """The JSON document that the web service would write."""
    document: dict[str, Any] = json.loads(msgspec.json.encode(model))
    return document
