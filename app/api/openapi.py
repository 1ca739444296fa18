"""The OpenAPI document at `/schema`, as JSON and YAML.

Litestar describes the operations; msgspec describes the models, as it alone knows all that a model
checks. The page `/docs` shows the document with Swagger UI, from our own static files.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import itertools
import re
import textwrap
import threading
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from litestar import Litestar, MediaType, Request, Router, get
from litestar.connection import ASGIConnection
from litestar.enums import OpenAPIMediaType
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Tag
from msgspec import Struct

from app.api.models.admin import (
    ActiveSelection,
    Draining,
    EndedSelection,
    Health,
    Liveness,
    Paused,
    QueueReport,
    Readiness,
    WorkerListing,
)
from app.api.models.job_requests import JobRequest, text_limits
from app.api.models.jobs import (
    ArticleListing,
    AttemptListing,
    Cancellation,
    JobListing,
    JobRetried,
    JobSubmitted,
    KeepRequest,
    Kept,
    StatusReport,
)
from app.api.models.schedules import (
    ScheduleChange,
    ScheduleListing,
    ScheduleReport,
    ScheduleRequest,
)
from app.api.models.traces import TraceDocument
from app.http.problems import MEDIA_TYPE, PROBLEMS, Problem
from tasks.jobs.job import JobState, JobType
from tasks.jobs.record import BulkOutcome, BulkOutcomePage
from tasks.jobs.result import ArticleResult, ArticlesResult, HealthCheckResult
from tasks.jobs.submission import IDEMPOTENCY_KEY_LENGTH, JobLimits
from tasks.scaling.monitor import Scaling

DESCRIPTION = """\
Turns a topic or a list of URLs into a ranked, explained, duplicate-free list of articles.

Submit a job with `POST /jobs`, follow `/jobs/{job_id}/status`, read `/jobs/{job_id}/result`.

Send an `Idempotency-Key` with a submission that may have to be sent again. With `Prefer: wait=N`
the response is the result itself, if the job ends within N seconds.

There is no authentication: keep the operations under `admin` where only trusted clients reach them.
Requests that change something are refused from pages of other sites, and requests with a `Host`
that is not a name of this service are refused altogether.

Every error is a problem document (RFC 9457), `application/problem+json`. Its `detail` says what
to change; its `type` is stable, and is explained at that very path:

"""

TAGS = [
    Tag(name="jobs", description="Submit jobs, follow them, read their results."),
    Tag(name="schedules", description="Submit jobs again and again."),
    Tag(
        name="admin",
        description=(
            "For operators: the queue, the workers, many jobs at once. There is no "
            "authentication, so this is for trusted networks only."
        ),
    ),
    Tag(name="health", description="For probes, and for people."),
]

MODELS = (
    JobRequest,
    JobSubmitted,
    JobRetried,
    JobListing,
    StatusReport,
    ArticlesResult[ArticleResult],
    HealthCheckResult,
    ArticleListing[ArticleResult],
    AttemptListing,
    TraceDocument,
    Cancellation,
    KeepRequest,
    Kept,
    ActiveSelection,
    EndedSelection,
    BulkOutcome,
    BulkOutcomePage,
    QueueReport,
    Paused,
    WorkerListing,
    Draining,
    ScheduleRequest,
    ScheduleChange,
    ScheduleReport,
    ScheduleListing,
    Health,
    Liveness,
    Readiness,
    Scaling,
    Problem,
)

REFERENCE = "#/components/schemas/"

PARAMETER_LIMITS: Mapping[str, Mapping[str, Any]] = {
    "job_id": {"format": "uuid"},
    "schedule_id": {"format": "uuid"},
    "state": {"items": {"$ref": f"{REFERENCE}JobState"}, "maxItems": len(JobState)},
    "type": {"items": {"$ref": f"{REFERENCE}JobType"}, "maxItems": len(JobType)},
    "Idempotency-Key": {**text_limits(IDEMPOTENCY_KEY_LENGTH), "pattern": "^[!-~]+$"},
}
"""What the use cases check, each in a sentence of its own, and so Litestar does not know of."""


def openapi_config() -> OpenAPIConfig:
    """How Litestar describes the operations."""
    return OpenAPIConfig(
        title="Content curator",
        version=version("content-curator"),
        description=DESCRIPTION + _problem_table(),
        tags=TAGS,
        # Litestar would render the document on the event loop; see `OpenApiDocument`.
        openapi_router=Router(
            "/schema/litestar", route_handlers=[], guards=[_refuse], include_in_schema=False
        ),
        operation_id_creator=_operation_id,
        use_handler_docstrings=True,
        render_plugins=[JsonRenderPlugin()],
    )


UNCHANGED = {
    304: ResponseSpec(None, description="Nothing changed since the `ETag` in `If-None-Match`.")
}


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """The documentation of these problem responses, and of those that any operation may give."""
    return {status: _problem_response(status) for status in (400, *statuses, 406, 421, 503)}


def model_schemas(limits: JobLimits) -> dict[str, Any]:
    """The JSON schema of each model, by its name."""
    models = copy.deepcopy(_models_without_limits())
    batch, topic = models["BatchAnalysisRequest"], models["TopicCurationRequest"]
    batch["properties"]["urls"]["maxItems"] = limits.max_urls_per_job
    topic["properties"]["max_articles"]["maximum"] = limits.max_articles_per_topic
    models["KeepRequest"]["properties"]["result_ttl_seconds"]["maximum"] = (
        limits.max_result_ttl_seconds
    )
    for request in get_args(JobRequest):
        number, _ = models[request.__name__]["properties"]["result_ttl_seconds"]["anyOf"]
        number["maximum"] = limits.max_result_ttl_seconds
    return models


@functools.cache
def _models_without_limits() -> dict[str, Any]:
    """Takes 0.2 s, as it reads the source, and so is made for the first reader of the document."""
    _, schemas = msgspec.json.schema_components(MODELS, ref_template=REFERENCE + "{name}")
    models = {
        _plain_name(name): {**_plain(schema), "title": _plain_name(name)}
        for name, schema in schemas.items()
    }
    for model in _all_structs(MODELS):
        encoded = {field.name: field.encode_name for field in msgspec.structs.fields(model)}
        for field, text in _field_docstrings(model).items():
            models[model.__name__]["properties"][encoded[field]].setdefault("description", text)
    _tell_results_apart(models)
    return models


def _tell_results_apart(models: dict[str, Any]) -> None:
    """Each result fits one of the two models: without its type, all would fit that of a check."""
    health_check, articles = models["HealthCheckResult"], models["ArticlesResult"]
    others = [job_type for job_type in JobType if job_type is not JobType.HEALTH_CHECK]
    health_check["properties"]["type"] = {"type": "string", "const": JobType.HEALTH_CHECK.value}
    articles["properties"]["type"] = {"type": "string", "enum": [other.value for other in others]}


def _all_structs(types: Iterable[Any]) -> set[type[Struct]]:
    """The structs among these types, and in their fields."""
    structs: set[type[Struct]] = set()
    remaining = list(types)
    while remaining:
        each = remaining.pop()
        origin = get_origin(each) or each
        remaining += get_args(each)
        if isinstance(origin, type) and issubclass(origin, Struct) and origin not in structs:
            structs.add(origin)
            remaining += get_type_hints(origin).values()
    return structs


def _field_docstrings(model: type[Struct]) -> dict[str, str]:
    """The text below each field, in the model and in those it extends."""
    docstrings: dict[str, str] = {}
    for parent in model.__mro__[::-1]:
        if not issubclass(parent, Struct) or parent is Struct:
            continue
        module = ast.parse(textwrap.dedent(inspect.getsource(parent)))
        statements = [part for node in module.body for part in getattr(node, "body", ())]
        for field, below in itertools.pairwise(statements):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    docstrings[name] = _for_readers_of_json(text)
    return docstrings


def _for_readers_of_json(docstring: str) -> str:
    return re.sub(r"\bNone\b", "null", " ".join(docstring.split()))


class OpenApiDocument:
    """The completed document, rendered for its first reader, in a thread of its own: that takes
    half a second of a busy machine, and as YAML twice as long."""

    def __init__(self, limits: JobLimits) -> None:
        self._limits = limits
        self._rendering = threading.Lock()
        self._json = self._yaml = b""

    def handlers(self) -> list[HTTPRouteHandler]:
        """`sync_to_thread` keeps the event loop free of it."""

        # As plain JSON, so that a browser shows it and does not save it.
        @get(
            ["/schema", "/schema/openapi.json"],
            media_type=MediaType.JSON,
            include_in_schema=False,
            sync_to_thread=True,
        )
        def get_openapi_json(request: Request[Any, Any, Any]) -> bytes:
            return self.as_json(request.app)

        @get(
            ["/schema/openapi.yaml", "/schema/openapi.yml"],
            media_type=OpenAPIMediaType.OPENAPI_YAML,
            include_in_schema=False,
            sync_to_thread=True,
        )
        def get_openapi_yaml(request: Request[Any, Any, Any]) -> bytes:
            return self.as_yaml(request.app)

        return [get_openapi_json, get_openapi_yaml]

    def as_json(self, app: Litestar) -> bytes:
        with self._rendering:
            if not self._json:
                document = _complete(app.openapi_schema.to_schema(), model_schemas(self._limits))
                self._json = msgspec.json.encode(document)
            return self._json

    def as_yaml(self, app: Litestar) -> bytes:
        document = msgspec.json.decode(self.as_json(app))
        with self._rendering:
            if not self._yaml:
                self._yaml = msgspec.yaml.encode(document)
            return self._yaml


def _complete(document: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    """Litestar's document with the models, and with what Litestar leaves out."""
    paths: dict[str, Any] = _plain(msgspec.to_builtins(document["paths"]))
    for item in paths.values():
        for operation in item.values():
            operation["summary"] = _summary(operation["operationId"])
            for parameter in operation.get("parameters", ()):
                _complete_parameter(parameter)
            for response in operation["responses"].values():
                for header in response.get("headers", {}).values():
                    header.setdefault("schema", {"type": "string"})
    return {**document, "paths": paths, "components": {"schemas": models}}


def _complete_parameter(parameter: dict[str, Any]) -> None:
    """A parameter that may be missing is not one that may be null."""
    schema = parameter["schema"]
    if "oneOf" in schema:
        (alternative,) = (part for part in schema.pop("oneOf") if part != {"type": "null"})
        parameter["schema"] = {**alternative, **schema}
    parameter["schema"] |= PARAMETER_LIMITS.get(parameter["name"], {})


def _plain(node: Any) -> Any:
    """The same with plain names of generic models, and `const` for enumerations of one."""
    if isinstance(node, list | tuple):
        return [_plain(part) for part in node]
    if isinstance(node, str) and node.startswith(REFERENCE):
        return REFERENCE + _plain_name(node.removeprefix(REFERENCE))
    if not isinstance(node, dict):
        return node
    match node:
        case {"enum": [str(word)], **rest} if set(rest) <= {"default", "description"}:
            return {**rest, "type": "string", "const": word}
    return {key: _plain(part) for key, part in node.items()}


def _plain_name(name: str) -> str:
    """Of `ArticlesResult_ArticleResult_`, which is `ArticlesResult[ArticleResult]`, the first."""
    return name.partition("_")[0]


def _operation_id(handler: HTTPRouteHandler, *_: Any) -> str:
    first, *others = handler.handler_name.split("_")
    return first + "".join(map(str.capitalize, others))


def _summary(operation_id: str) -> str:
    return re.sub("[A-Z]", lambda letter: f" {letter[0].lower()}", operation_id).capitalize()


def _problem_response(status: int) -> ResponseSpec:
    domain = [
        kind for key, kind in PROBLEMS.items() if kind.status == status and not isinstance(key, int)
    ]
    titles = dict.fromkeys(f"{kind.title} (`{kind.type}`)" for kind in domain or [PROBLEMS[status]])
    return ResponseSpec(
        data_container=Problem,
        description="; ".join(titles),
        media_type=MEDIA_TYPE,
        generate_examples=False,
    )


async def _refuse(_: ASGIConnection[Any, Any, Any, Any], __: BaseRouteHandler) -> None:
    raise NotFoundException


def _problem_table() -> str:
    rows = {
        kind.type: f"| `{kind.type}` | {kind.status} | {kind.title} |" for kind in PROBLEMS.values()
    }
    return "\n".join(["| type | status | meaning |", "|---|---|---|", *rows.values()])
