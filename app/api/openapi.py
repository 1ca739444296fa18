"""The OpenAPI document at `/schema`, as JSON and YAML.

There is no page to try it out on: those that exist load their scripts from other hosts.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from litestar import MediaType, Router
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Example, Tag

from app.http.problems import MEDIA_TYPE, PROBLEMS, Problem

DESCRIPTION = """\
Turns a topic or a list of URLs into a ranked, explained, duplicate-free list of articles.

Submit a job with `POST /jobs`, follow `/jobs/{job_id}/status`, read `/jobs/{job_id}/result`.

A submit that may have to be sent again gets an `Idempotency-Key`; with `Prefer: wait=N` it is
answered with the result itself, if that is there within N seconds.

Nobody has to say who they are: keep the calls under `admin` where only trusted clients reach them.
Requests that change something are refused from pages of other sites.

Every error is a problem document (RFC 9457), `application/problem+json`. Its `detail` says what
to change; its `type` is stable, and is explained at that very path:

"""

REQUEST_EXAMPLES = [
    Example(
        summary="Find and rank articles on a topic",
        value={
            "type": "topic_curation",
            "topic": "artificial intelligence",
            "max_articles": 20,
            "apply_diversity": True,
        },
    ),
    Example(
        summary="Rank these URLs",
        value={
            "type": "batch_analysis",
            "urls": ["https://example.com/a", "https://example.org/b"],
            "query": "renewable energy",
            "apply_diversity": True,
            "priority": "low",
        },
    ),
    Example(
        summary="Analyse one URL, and end within a minute",
        value={
            "type": "single_analysis",
            "url": "https://example.com/a",
            "deadline_seconds": 60,
        },
    ),
    Example(summary="Pass once through everything", value={"type": "health_check"}),
]


def openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Content curator",
        version=version("content-curator"),
        description=DESCRIPTION + _table(),
        tags=[
            Tag(name="jobs", description="Submit jobs, follow them, read their results."),
            Tag(name="schedules", description="Submit jobs again and again."),
            Tag(
                name="admin",
                description=(
                    "For whoever runs the service: the queue, the workers, many jobs at once. "
                    "For trusted networks: nobody has to say who they are."
                ),
            ),
            Tag(name="health", description="For probes, and for people."),
        ],
        openapi_router=Router(
            "/schema", route_handlers=[], guards=[_refuse_others], include_in_schema=False
        ),
        use_handler_docstrings=True,
        # As plain JSON, so that a browser shows it and does not save it.
        render_plugins=[JsonRenderPlugin(media_type=MediaType.JSON), YamlRenderPlugin()],
    )


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """The documentation of these problem answers, and of those that any call may give."""
    return {status: _problem_response(status) for status in (400, *statuses, 503)}


def _problem_response(status: int) -> ResponseSpec:
    ours = [
        kind for key, kind in PROBLEMS.items() if kind.status == status and not isinstance(key, int)
    ]
    told = dict.fromkeys(f"{kind.title} (`{kind.type}`)" for kind in ours or [PROBLEMS[status]])
    return ResponseSpec(
        data_container=Problem,
        description="; ".join(told),
        media_type=MEDIA_TYPE,
        generate_examples=False,
    )


def _refuse_others(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Under `/schema`, Litestar would answer unknown paths with a page of its own."""
    if "path" in connection.path_params:
        raise NotFoundException


def _table() -> str:
    rows = {
        kind.type: f"| `{kind.type}` | {kind.status} | {kind.title} |" for kind in PROBLEMS.values()
    }
    return "\n".join(["| type | status | meaning |", "|---|---|---|", *rows.values()])
