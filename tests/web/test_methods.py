"""The methods of each path: HEAD wherever GET is, and one `Allow`."""

from __future__ import annotations

import re

import httpx
import pytest

from app.main import create_app
from tasks.resources import open_queue
from tasks.settings import Settings
from tests.web.player import Player

UNKNOWN = "01900000-0000-7000-8000-000000000001"

PATHS = sorted(
    {
        re.sub("{[a-z_]+}", UNKNOWN, str(route.path_format))
        for route in create_app(Settings(), open_queue).routes
        if not str(route.path_format).startswith("/schema/litestar")  # nothing is there
    }
)


@pytest.mark.parametrize("path", PATHS)
async def test_options_and_405_name_the_same_methods(client: httpx.AsyncClient, path: str) -> None:
    allowed = (await client.options(path)).headers["allow"].split(", ")
    refused = await client.request("BREW", path)
    assert refused.status_code == 405
    assert refused.headers["allow"].split(", ") == allowed
    assert ("HEAD" in allowed) == ("GET" in allowed)


@pytest.mark.parametrize("path", [path for path in PATHS if "problems" not in path])
async def test_head_is_get_without_its_body(client: httpx.AsyncClient, path: str) -> None:
    get, head = await client.get(path), await client.head(path)
    assert head.status_code == get.status_code
    assert head.content == b""
    for name in ("content-type", "etag", "allow", "vary", "cache-control"):
        assert head.headers.get(name) == get.headers.get(name)


async def test_head_of_a_job(web: str, player: Player) -> None:
    """Through a real server, which must not wait for a body."""
    async with httpx.AsyncClient(base_url=web) as client:
        body = {"type": "batch_analysis", "urls": ["https://news.example/a"]}
        job_id = (await client.post("/jobs", json=body)).json()["job_id"]
        await player.finish(job_id)
        for path in ("", "/status", "/result", "/articles"):
            get, head = [
                await client.request(method, f"/jobs/{job_id}{path}") for method in ("GET", "HEAD")
            ]
            assert (head.status_code, head.content) == (200, b"")
            for name in ("content-length", "content-type", "content-encoding", "vary", "etag"):
                assert head.headers.get(name) == get.headers.get(name)


async def test_a_head_that_changes_nothing(client: httpx.AsyncClient) -> None:
    """HEAD is for what GET reads: no other handler sees it."""
    assert (await client.head("/queue/pause")).status_code == 405
    assert not (await client.get("/queue")).json()["paused"]
