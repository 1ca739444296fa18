"""Bad input: a 4xx that says what to change, and nothing written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import redis

from tests.web.problem import problem

JSON = {"Content-Type": "application/json"}
TOPIC = '{"type": "topic_curation", "topic": "tea"'
UNKNOWN = "01900000-0000-7000-8000-000000000001"


def batch(urls: str) -> str:
    return f'{{"type": "batch_analysis", "urls": {urls}}}'


MALFORMED = {
    "nothing": (b"", "The body is empty"),
    "half": (b'{"type": "topic_cur', "ends too early"),
    "no JSON": (b"topic=tea", "invalid character (byte"),
    "more than one": (f"{TOPIC}}} {{}}".encode(), "trailing characters"),
    "NaN": (f'{TOPIC}, "max_articles": NaN}}'.encode(), "invalid character"),
    "Infinity": (f'{TOPIC}, "max_articles": Infinity}}'.encode(), "invalid character"),
    "not UTF-8": (b'{"type": "topic_curation", "topic": "caf\xe9"}', "encode it as UTF-8"),
    "UTF-16": (f"{TOPIC}}}".encode("utf-16"), "invalid character"),
    "half a surrogate": (b'{"type": "topic_curation", "topic": "\\ud800"}', "ends too early"),
    "control character": (b'{"type": "topic_curation", "topic": "a\nb"}', "invalid character"),
    "a deep nest": (b'{"x":' + b"[" * 100_000, "nested too deeply"),
    "a deep nest in an unknown field": (
        f'{TOPIC}, "x": '.encode() + b"[" * 100_000,
        "nested too deeply",
    ),
    "NaN in an unknown field": (f'{TOPIC}, "x": NaN}}'.encode(), "invalid character"),
    "not UTF-8 in an unknown field": (TOPIC.encode() + b', "x": "\xff"}', "as UTF-8"),
}

INVALID = {
    "null": ("null", "must be an object"),
    "a list": ("[]", "must be an object, and is an array"),
    "a nest for a topic": (
        '{"type": "topic_curation", "topic": ' + "[" * 100_000,
        "topic must be a string, and is an array",
    ),
    "no type": ('{"topic": "tea"}', "type is missing; one of topic_curation, batch_analysis"),
    "unknown type": ('{"type": "make_tea"}', "type must be one of topic_curation, batch_analysis"),
    "a number for a type": ('{"type": 3}', "type must be one of topic_curation"),
    "no topic": ('{"type": "topic_curation"}', "topic is missing"),
    "unknown field": (f'{TOPIC}, "depth": 3}}', "`depth` is not a field of topic_curation"),
    "the field of another type": (
        f'{TOPIC}, "url": "x"}}',
        "these are: type, priority, depends_on",
    ),
    "twice": (f'{TOPIC}, "topic": "coffee"}}', "`topic` appears twice"),
    "a number for a topic": (
        '{"type": "topic_curation", "topic": 7}',
        "topic must be a string, and is an integer",
    ),
    "a text for a number": (
        f'{TOPIC}, "max_articles": "20"}}',
        "max_articles must be an integer, and is a string",
    ),
    "a fraction": (f'{TOPIC}, "max_articles": 2.5}}', "max_articles must be an integer"),
    "a number too large": (f'{TOPIC}, "max_articles": 1e999}}', "max_articles"),
    "an integer too large": (f'{TOPIC}, "max_articles": {"9" * 50}}}', "from 1 to 100"),
    "no articles": (f'{TOPIC}, "max_articles": 0}}', "max_articles must be from 1 to 100"),
    "101 articles": (f'{TOPIC}, "max_articles": 101}}', "max_articles must be from 1 to 100"),
    "a text for yes": (f'{TOPIC}, "apply_diversity": "yes"}}', "must be true or false"),
    "unknown priority": (f'{TOPIC}, "priority": "now"}}', "priority must be one of high, normal"),
    "no places": (f'{TOPIC}, "domain_cap": 0}}', "domain_cap must be from 1 to 10 000"),
    "a cap without diversity": (
        f'{TOPIC}, "domain_cap": 1, "apply_diversity": false}}',
        "domain_cap needs apply_diversity",
    ),
    "an unknown weight": (f'{TOPIC}, "weights": {{"speed": 1}}}}', "speed"),
    "a time without its offset": (
        f'{TOPIC}, "published_after": "2026-03-01T00:00:00"}}',
        "published_after must be an ISO 8601 time with its offset",
    ),
    "a URL for a domain": (
        f'{TOPIC}, "include_domains": ["https://a.example/"]}}',
        "include_domains[0] must be a domain such as example.org",
    ),
    "a source that is off": (f'{TOPIC}, "sources": ["bingnews"]}}', "sources[0] must be one of"),
    "a source of a batch": (
        '{"type": "batch_analysis", "urls": ["https://a.example/"], "sources": ["feeds"]}',
        "`sources` is not a field of",
    ),
    "1 character": (
        '{"type": "topic_curation", "topic": "a"}',
        "topic must have 2 to 200 characters",
    ),
    "300 characters": (
        f'{{"type": "topic_curation", "topic": "{"a" * 300}"}}',
        "topic must have 2 to 200 characters",
    ),
    "a NUL": ('{"type": "topic_curation", "topic": "a\\u0000b"}', "without control characters"),
    "no URL": (batch("[]"), "urls must name at least one URL"),
    "1,001 URLs": (
        batch(str([f"https://a.example/{n}" for n in range(1001)]).replace("'", '"')),
        "urls has 1001 URLs; one job may have 1000",
    ),
    "a text for URLs": (batch('"https://a.example/"'), "urls must be an array, and is a string"),
    "a number among URLs": (
        batch('["https://a.example/", 7]'),
        "urls[1] must be a string, and is an integer",
    ),
    "no address": (batch('["https://a.example/", "tea"]'), "urls[1]: “tea” is no http address."),
    "a file": (batch('["file:///etc/passwd"]'), "“file:///etc/passwd” is no http address"),
    "a broken port": (batch('["https://a.example:x/"]'), "urls[0]: “https://a.example:x/” is no"),
    "a space": (batch('["https://a.example/a b"]'), "“https://a.example/a b” is no http address"),
    "a user": (batch('["https://u@a.example/"]'), "“https://…@a.example/” has a user name or"),
    "a long URL": (batch(f'["https://a.example/{"a" * 2100}"]'), "a…” is longer than 2048"),
    "a single URL": (
        '{"type": "single_analysis", "url": "tea"}',
        "url: “tea” is no http address.",
    ),
}

QUERIES = {
    "?limit=-1": "limit must be int >= 1",
    "?limit=201": "limit must be int <= 200",
    "?limit=many": "limit must be int",
    "?limit=": "limit must be int",
    "?cursor=x": "cursor must be the next_cursor of an earlier response",
    "?cursor=%00": "cursor must be",
    "?state=DONE": "state must be one of WAITING, PENDING",
    "?state=SUCCESS&state=done": "state must be one of",
    "?type=tea": "type must be one of topic_curation",
}


@pytest.fixture(autouse=True)
async def nothing_written(valkey: redis.Redis) -> AsyncIterator[None]:
    yield
    assert valkey.dbsize() == 0


@pytest.mark.parametrize(("body", "detail"), MALFORMED.values(), ids=MALFORMED)
async def test_malformed_json(client: httpx.AsyncClient, body: bytes, detail: str) -> None:
    response = await client.post("/jobs", content=body, headers=JSON)
    assert detail in problem(response, 400, "malformed-request")["detail"]


@pytest.mark.parametrize(("body", "detail"), INVALID.values(), ids=INVALID)
async def test_invalid_job_requests(client: httpx.AsyncClient, body: str, detail: str) -> None:
    response = await client.post("/jobs", content=body, headers=JSON)
    assert detail in problem(response, 422, "invalid-request")["detail"]


async def test_all_urls_that_cannot_be_used_are_named_at_once(client: httpx.AsyncClient) -> None:
    urls = ["https://a.example/", "tea", "http://user:hush@a.example/?token=hush", "ftp://x"]
    response = await client.post("/jobs", json={"type": "batch_analysis", "urls": urls})
    document = problem(response, 422, "invalid-request")
    assert document["detail"].startswith("3 of 4 URLs cannot be used. urls[1]: “tea” is no http")
    assert [error["index"] for error in document["errors"]] == [1, 2, 3]
    assert document["errors"][0]["detail"] == "“tea” is no http address"
    assert "hush" not in response.text


async def test_a_refusal_names_20_urls(client: httpx.AsyncClient) -> None:
    urls = [f"{n}" + "x" * 1000 for n in range(900)]
    schedule = {"cron": "0 7 * * *", "job": {"type": "batch_analysis", "urls": urls}}
    for path, body in (("/jobs", schedule["job"]), ("/schedules", schedule)):
        response = await client.post(path, json=body)
        document = problem(response, 422, "invalid-request")
        assert document["detail"].startswith("900 of 900 URLs cannot be used.")
        assert len(document["errors"]) == 20
        assert len(response.content) < 10_000


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/msgpack"},
        {"Content-Type": "nonsense"},
        {},
    ],
)
async def test_another_media_type(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await client.post("/jobs", content=f"{TOPIC}}}", headers=headers)
    detail = problem(response, 415, "unsupported-media-type")["detail"]
    assert detail == "Send the body with `Content-Type: application/json`."


async def test_a_compressed_body(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/jobs", content=b"\x1f\x8b", headers={**JSON, "Content-Encoding": "gzip"}
    )
    detail = problem(response, 415, "unsupported-media-type")["detail"]
    assert detail == "Send the body without a `Content-Encoding`."


@pytest.mark.parametrize(("query", "detail"), QUERIES.items())
async def test_a_listing_out_of_bounds(client: httpx.AsyncClient, query: str, detail: str) -> None:
    response = await client.get(f"/jobs{query}")
    assert detail in problem(response, 422, "invalid-request")["detail"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("?cursor=-1", "cursor must be int >= 0"),
        ("?cursor=x", "cursor must be int"),
        ("?limit=0", "limit must be int >= 1"),
        ("?limit=1e3", "limit must be int"),
    ],
)
async def test_articles_out_of_bounds(client: httpx.AsyncClient, query: str, detail: str) -> None:
    response = await client.get(f"/jobs/{UNKNOWN}/articles{query}")
    assert detail in problem(response, 422, "invalid-request")["detail"]


@pytest.mark.parametrize(
    "job_id",
    [UNKNOWN, UNKNOWN.upper()[:-1] + "F", "1", f"{UNKNOWN}:failures", "%00", "*", "a" * 500],
)
@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("GET", ""),
        ("GET", "/status"),
        ("GET", "/result"),
        ("GET", "/articles"),
        ("GET", "/attempts"),
        ("POST", "/retry"),
        ("DELETE", ""),
        ("POST", "/cancel"),
    ],
)
async def test_an_unknown_job(
    client: httpx.AsyncClient, job_id: str, method: str, call: str
) -> None:
    response = await client.request(method, f"/jobs/{job_id}{call}")
    assert response.status_code == 404
    document = response.json()
    assert document["type"] == "/problems/unknown-job"
    assert "Check the id" in document["detail"]


async def test_a_path_that_does_not_exist(client: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/jobs/a/b/c", "/static/nothing.css", "/static/%2e%2e/main.py"):
        response = await client.get(path)
        assert response.status_code == 404
        assert response.json()["type"] == "/problems/unknown-path"
        assert "/main" not in response.json()["detail"]
    problem(await client.get("/schema/nothing"), 404, "unknown-path")
    problem(await client.get("/problems/nothing"), 404, "unknown-path")


@pytest.mark.parametrize("name", ["%00", "x" * 5000, "a/" * 500])
async def test_a_name_that_no_file_can_have(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/static/{name}")).status_code == 404


async def test_a_quality_beyond_all_numbers(client: httpx.AsyncClient) -> None:
    response = await client.get("/jobs/nothing", headers={"Accept": "text/html;q=1e999"})
    assert response.status_code == 404


async def test_an_origin_that_is_no_url(client: httpx.AsyncClient) -> None:
    response = await client.post("/queue/pause", headers={"Origin": "http://["})
    problem(response, 403, "cross-origin")


@pytest.mark.parametrize("operation", ["cancel", "retry", "purge"])
async def test_a_listing_costs_no_more_for_words_that_repeat(
    client: httpx.AsyncClient, operation: str
) -> None:
    query = {"state": ["SUCCESS"] * 400, "type": ["health_check"] * 400}
    detail = problem(await client.get("/jobs", params=query), 422, "invalid-request")["detail"]
    assert detail.startswith("state has 400 entries; give each of WAITING, PENDING")
    body = {"state": ["SUCCESS"] * 3000, "type": ["health_check"] * 3000}
    problem(await client.post(f"/jobs/{operation}", json=body), 422, "invalid-request")


async def test_a_method_that_is_not_allowed(client: httpx.AsyncClient) -> None:
    response = await client.put("/jobs", json={})
    detail = problem(response, 405, "method-not-allowed")["detail"]
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert detail == "PUT is not allowed here; use GET, HEAD, OPTIONS, POST."


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/jobs", "/"])
async def test_a_body_of_3_mb(web: str, path: str, chunked: bool) -> None:
    body = b'{"type": "batch_analysis", "urls": ["' + b"x" * 3_000_000 + b'"]}'

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    media_type = "application/json" if path == "/jobs" else "application/x-www-form-urlencoded"
    async with httpx.AsyncClient(base_url=web) as client:
        response = await client.post(
            path, content=chunks() if chunked else body, headers={"Content-Type": media_type}
        )
    detail = problem(response, 413, "body-too-large")["detail"]
    assert detail == "The body may have 1000000 bytes; send fewer URLs in one job."


async def test_the_largest_body_is_still_read(client: httpx.AsyncClient) -> None:
    body = '{"type": "x"'.ljust(999_999) + "}"
    problem(await client.post("/jobs", content=body, headers=JSON), 422, "invalid-request")
    body = '{"type": "x"'.ljust(1_000_000) + "}"
    problem(await client.post("/jobs", content=body, headers=JSON), 413, "body-too-large")


async def test_a_browser_gets_a_page(client: httpx.AsyncClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    response = await client.get("/jobs/nothing", headers=browser)
    assert response.status_code == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "There is no such job" in response.text
    assert "look for the job on the start page" in response.text
    assert "GET /jobs" not in response.text
