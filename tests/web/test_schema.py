"""The OpenAPI document."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.api.openapi import OpenApiDocument
from app.main import create_app
from tasks.composition import job_limits
from tasks.resources import open_queue
from tasks.settings import Settings
from tests.web.conftest import client_of

OPERATIONS = {
    "/jobs": {"get", "post"},
    "/jobs/cancel": {"post"},
    "/jobs/purge": {"post"},
    "/jobs/retry": {"post"},
    "/jobs/{job_id}": {"get", "delete"},
    "/jobs/{job_id}/status": {"get"},
    "/jobs/{job_id}/result": {"get"},
    "/jobs/{job_id}/articles": {"get"},
    "/jobs/{job_id}/attempts": {"get"},
    "/jobs/{job_id}/trace": {"get"},
    "/jobs/{job_id}/retry": {"post"},
    "/jobs/{job_id}/rerun": {"post"},
    "/jobs/{job_id}/keep": {"post"},
    "/jobs/{job_id}/purge": {"post"},
    "/queue": {"get"},
    "/queue/pause": {"post"},
    "/queue/resume": {"post"},
    "/workers": {"get"},
    "/workers/{worker_id}/drain": {"post"},
    "/schedules": {"get", "post"},
    "/schedules/{schedule_id}": {"get", "patch", "delete"},
    "/schedules/{schedule_id}/pause": {"post"},
    "/schedules/{schedule_id}/resume": {"post"},
    "/schedules/{schedule_id}/run": {"post"},
    "/health/jobs": {"get"},
    "/health/live": {"get"},
    "/health/ready": {"get"},
    "/health/scaling": {"get"},
    "/metrics": {"get"},
}


async def schema(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/schema")
    assert response.headers["content-type"] == "application/json"
    document: dict[str, Any] = response.json()
    return document


async def test_every_operation_is_documented(client: httpx.AsyncClient) -> None:
    document = await schema(client)
    assert document["openapi"].startswith("3.1")
    assert {path: set(item) for path, item in document["paths"].items()} == OPERATIONS
    for _, call in operations(document):
        assert call["description"]
        assert call["operationId"]


async def test_the_document_is_valid(client: httpx.AsyncClient) -> None:
    OpenAPIV31SpecValidator(await schema(client)).validate()


def test_the_document_is_rendered_for_its_first_reader_only() -> None:
    """As YAML it takes 0.15 s: ten readers a second would keep web from all else."""
    app = create_app(Settings(), open_queue)
    document = OpenApiDocument(job_limits(Settings()))
    assert document.as_json(app) is document.as_json(app)
    assert document.as_yaml(app) is document.as_yaml(app)


async def test_the_document_is_not_rendered_on_the_event_loop(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def as_json(*_: object) -> bytes:
        threads.append(threading.current_thread())
        return b"{}"

    monkeypatch.setattr(OpenApiDocument, "as_json", as_json)
    for path in ("/schema", "/schema/openapi.json", "/schema/openapi.yaml"):
        assert (await client.get(path)).status_code == 200
    assert threading.main_thread() not in threads
    assert len(threads) == 3
    assert (await client.get("/schema/litestar/openapi.json")).status_code == 404


async def test_operation_ids_are_verbs(client: httpx.AsyncClient) -> None:
    names = {call["operationId"]: call["summary"] for _, call in operations(await schema(client))}
    assert names["submitJob"] == "Submit job"
    assert {"listJobs", "getJobStatus", "getJobResult", "listJobArticles"} <= set(names)
    assert all(re.fullmatch("[a-z]+([A-Z][a-z]+)*", name) for name in names)


async def test_every_limit_is_in_the_document(settings: Settings) -> None:
    limited = replace(settings, max_urls_per_job=7, max_articles_per_topic=9)
    async with client_of(limited) as client:
        document = await schema(client)
    models = document["components"]["schemas"]
    topic = models["TopicCurationRequest"]["properties"]
    assert (topic["topic"]["minLength"], topic["topic"]["maxLength"]) == (2, 200)
    assert (topic["max_articles"]["minimum"], topic["max_articles"]["maximum"]) == (1, 9)
    assert topic["not_before"]["anyOf"][0]["format"] == "date-time"
    urls = models["BatchAnalysisRequest"]["properties"]["urls"]
    assert (urls["minItems"], urls["maxItems"], urls["items"]["format"]) == (1, 7, "uri")
    assert models["JobSummary"]["properties"]["job_id"]["format"] == "uuid"
    assert models["JobSummary"]["properties"]["submitted_at"]["format"] == "date-time"
    get, post = document["paths"]["/jobs"]["get"], document["paths"]["/jobs"]["post"]
    parameters = {each["name"]: each["schema"] for each in get["parameters"]}
    assert parameters["limit"]["maximum"] == 200
    assert parameters["cursor"]["format"] == "uuid"
    assert models["ActiveSelection"]["properties"]["cursor"]["anyOf"][0]["format"] == "uuid"
    headers = {each["name"]: each["schema"] for each in post["parameters"]}
    assert re.fullmatch(headers["Idempotency-Key"]["pattern"], "key-1")
    assert not re.fullmatch(headers["Idempotency-Key"]["pattern"], "two words")
    assert parameters["state"]["maxItems"] == 6
    assert parameters["state"]["items"] == {"$ref": "#/components/schemas/JobState"}


async def test_fields_have_the_descriptions_of_the_code(client: httpx.AsyncClient) -> None:
    models = (await schema(client))["components"]["schemas"]
    summary, report = models["JobSummary"]["properties"], models["StatusReport"]["properties"]
    assert summary["error"]["description"] == "Why a FAILURE failed."
    assert report["error"]["description"] == "Why a FAILURE failed."
    assert summary["total"]["description"] == "null until the articles are known."


async def test_references_and_names_are_sound(client: httpx.AsyncClient) -> None:
    document = await schema(client)
    for reference in references(document):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        assert target
    ids = [call["operationId"] for _, call in operations(document)]
    assert len(set(ids)) == len(ids)
    for path, call in operations(document):
        parameters = call.get("parameters", ())
        named = {each["name"] for each in parameters if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))


async def test_every_refusal_is_documented_as_a_problem(client: httpx.AsyncClient) -> None:
    document = await schema(client)
    for path, call in operations(document):
        for status, response in call["responses"].items():
            assert response["description"]
            if status >= "400" and not path.startswith("/health"):
                assert set(response["content"]) == {"application/problem+json"}
    assert "`/problems/unknown-job`" in document["info"]["description"]


async def test_requests_have_examples_and_a_discriminator(client: httpx.AsyncClient) -> None:
    document = await schema(client)
    post = document["paths"]["/jobs"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    names = [part["$ref"].split("/")[-1] for part in body["oneOf"]]
    kinds = [document["components"]["schemas"][name] for name in names]
    tags = [kind["properties"]["type"]["const"] for kind in kinds]
    assert tags == [example["type"] for example in body["examples"]]


async def test_results_are_documented_completely(client: httpx.AsyncClient) -> None:
    document = await schema(client)
    text = json.dumps(document["components"]["schemas"])
    for field in ("cached", "keywords", "relevance_score", "summary", "found_count"):
        assert f'"{field}"' in text


async def test_a_result_fits_the_model_of_its_type_only(client: httpx.AsyncClient) -> None:
    models = (await schema(client))["components"]["schemas"]
    articles, check = models["ArticlesResult"], models["HealthCheckResult"]
    assert set(check["required"]) < set(articles["required"]), "the type is what tells them apart"
    assert check["properties"]["type"] == {"type": "string", "const": "health_check"}
    assert sorted(articles["properties"]["type"]["enum"]) == [
        "batch_analysis",
        "single_analysis",
        "topic_curation",
    ]


async def test_the_document_is_available_as_yaml_and_loads_no_scripts(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/schema/openapi.yaml")).status_code == 200
    text = json.dumps((await client.get("/schema/openapi.json")).json())
    assert "<script" not in text


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for call in item.values():
            yield path, call


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            yield reference
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from references(each)
