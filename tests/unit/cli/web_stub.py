"""A web service with canned responses, and `run`, which runs `curator` against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from click.testing import CliRunner, Result

from app.cli.context import CliContext
from app.cli.main import cli

JOB = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
HOSTILE = "\x1b]0;owned\x07\x1b[31m[bold]Tides[/bold]\u009b2J\u202e\nagain"
TAMED = "]0;owned[31m[bold]Tides[/bold]2J again"

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


def job_status(state: str = "PROGRESS", **changes: Any) -> dict[str, Any]:
    return {
        "job_id": JOB,
        "type": "batch_analysis",
        "state": state,
        "status": state.lower(),
        "current": 3,
        "total": 10,
        "processed_urls": 2,
        "failed_urls": 1,
        "failures": [{"url": "https://a.example/1", "reason": "not_found", "detail": "404"}],
        "submitted_at": "2025-01-02T03:04:05Z",
        "started_at": None,
        "finished_at": None,
        "attempts": 4,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "error": None,
        **changes,
    }


def job_result(state: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    return {
        "status": state,
        "state": state,
        "total_urls": 3,
        "processed_count": 2,
        "failed_count": 1,
        "failed_urls": [
            {"url": "https://a.example/3", "reason": "too_short", "detail": "90 words"}
        ],
        "results": [ranked("Tides", 81.25), ranked("Reefs", 64.0)],
        "query": None,
        "diversity_applied": False,
        "decisions": [
            {"url": "https://a.example/Tides", "verdict": "kept", "explanation": "Rank 1 of 2."}
        ],
        **changes,
    }


def ranked(title: str, score: float) -> dict[str, Any]:
    return {
        "overall_score": score,
        "readability_score": 77.7,
        "article": {
            "url": f"https://a.example/{title.split()[0]}",
            "title": title,
            "domain": "a.example",
            "word_count": 400,
        },
    }
