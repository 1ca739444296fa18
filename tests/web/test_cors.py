"""Pages of other sites that may use the interface (CORS_ORIGINS)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace

from tasks.settings import Settings
from tests.web.conftest import client_of
from tests.web.problem import problem

READER = "https://reader.example"
BATCH = {"type": "batch_analysis", "urls": ["https://a.example/1"]}
FROM_READER = {"Origin": READER, "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
async def open_to_reader(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(replace(settings, cors_origins=(READER,))) as client:
        yield client


async def test_a_listed_origin_submits_and_reads(open_to_reader: httpx.AsyncClient) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, idempotency-key",
    }
    preflight = await open_to_reader.options("/jobs", headers=FROM_READER | asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == READER
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "idempotency-key" in preflight.headers["access-control-allow-headers"]

    submitted = await open_to_reader.post("/jobs", json=BATCH, headers=FROM_READER)
    assert submitted.status_code == 202
    assert submitted.headers["access-control-allow-origin"] == READER
    exposed = submitted.headers["access-control-expose-headers"]
    assert {"ETag", "Location", "Retry-After"} <= set(exposed.split(", "))
    page = await open_to_reader.get(submitted.headers["location"], headers=FROM_READER)
    assert page.headers["access-control-allow-origin"] == READER
    assert set(page.headers["vary"].split(", ")) == {"Origin", "Accept", "Accept-Encoding"}
    assert "access-control-allow-credentials" not in page.headers


async def test_another_origin_reads_and_changes_nothing(open_to_reader: httpx.AsyncClient) -> None:
    for origin in ("https://evil.example", f"{READER}.evil.example", f"{READER}:8443", "null"):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        problem(
            await open_to_reader.post("/jobs", json=BATCH, headers=headers), 403, "cross-origin"
        )
        listing = await open_to_reader.get("/jobs", headers=headers)
        assert "access-control-allow-origin" not in listing.headers
        assert listing.json()["jobs"] == []
        asked = {"Access-Control-Request-Method": "POST"}
        preflight = await open_to_reader.options("/jobs", headers=headers | asked)
        assert "access-control-allow-origin" not in preflight.headers


async def test_by_default_no_other_origin_is_allowed(client: httpx.AsyncClient) -> None:
    listing = await client.get("/jobs", headers=FROM_READER)
    assert "access-control-allow-origin" not in listing.headers
    problem(await client.post("/jobs", json=BATCH, headers=FROM_READER), 403, "cross-origin")
