"""Who may send what: the hosts, the proxy, and pages of other sites."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import redis
from litestar import Litestar
from litestar.routes import HTTPRoute
from msgspec.structs import replace

from app.http.security import SAFE_METHODS
from app.main import create_app
from tasks.resources import open_queue
from tasks.settings import Settings
from tests.web.conftest import client_of
from tests.web.problem import problem

UNKNOWN = "01900000-0000-7000-8000-000000000001"
SECRET = "0123456789abcdef"

PARAMETERS = {"{job_id}": UNKNOWN, "{schedule_id}": UNKNOWN, "{worker_id}": "worker"}

CROSS_SITE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8000"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "null"},
]


def changing_operations(app: Litestar) -> Iterator[tuple[str, str]]:
    """The method and path of every operation that may change something."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            path = route.path_format
            for name, value in PARAMETERS.items():
                path = path.replace(name, value)
            for method in route.methods.difference(SAFE_METHODS):
                yield str(method), path


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example"])
async def test_a_rebound_name_is_refused(client: httpx.AsyncClient, host: str) -> None:
    rebound = {"Host": host, "Origin": f"http://{host}"}
    for path in ("/", "/jobs", f"/jobs/{UNKNOWN}", "/queue", "/schema"):
        response = await client.get(path, headers={**rebound, "Accept": "application/json"})
        assert f"`{host}`" in problem(response, 421, "wrong-host")["detail"]


async def test_a_rebound_name_can_change_nothing(
    client: httpx.AsyncClient, settings: Settings, valkey: redis.Redis
) -> None:
    rebound = {"Host": "evil.example", "Origin": "http://evil.example"}
    operations = set(changing_operations(create_app(settings, open_queue)))
    assert len(operations) > 10
    for method, path in operations:
        response = await client.request(method, path, json={}, headers=rebound)
        problem(response, 421, "wrong-host")
    assert valkey.dbsize() == 0


@pytest.mark.parametrize("headers", CROSS_SITE)
async def test_a_page_elsewhere_can_change_nothing(
    client: httpx.AsyncClient,
    settings: Settings,
    valkey: redis.Redis,
    headers: dict[str, str],
) -> None:
    for method, path in set(changing_operations(create_app(settings, open_queue))):
        response = await client.request(method, path, json={}, headers=headers)
        problem(response, 403, "cross-origin")
    assert valkey.dbsize() == 0


async def test_probes_may_use_any_host(client: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/health/ready", "/health/jobs"):
        response = await client.get(path, headers={"Host": "10.1.2.3:8000"})
        assert response.status_code == 200
    assert (await client.get("/queue", headers={"Host": "10.1.2.3:8000"})).status_code == 421


async def test_a_configured_host(settings: Settings) -> None:
    async with client_of(replace(settings, allowed_hosts=("curator.example",))) as client:
        own = {"Host": "curator.example", "Origin": "https://curator.example"}
        assert (await client.get("/queue", headers=own)).status_code == 200
        assert (await client.post("/queue/resume", headers=own)).status_code == 200
        # The proxy in front may put another name into Host.
        rewritten = {**own, "Host": "127.0.0.1:8000"}
        assert (await client.post("/queue/resume", headers=rewritten)).status_code == 200
        assert (await client.get("/queue", headers={"Host": "evil.example"})).status_code == 421


async def test_with_a_proxy_secret_only_the_proxy_is_served(settings: Settings) -> None:
    async with client_of(replace(settings, proxy_secret=SECRET)) as client:
        for headers in (
            {},
            {"X-Curator-Proxy-Secret": SECRET[:-1]},
            {"X-Curator-Proxy-Secret": "é"},
        ):
            encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
            for path in ("/", "/jobs", "/schema"):
                response = await client.get(path, headers=encoded)
                assert SECRET not in response.text
                problem(response, 403, "not-through-proxy")
        sent = {"X-Curator-Proxy-Secret": SECRET}
        assert (await client.get("/jobs", headers=sent)).status_code == 200
        assert (await client.get("/health/live")).status_code == 200


async def test_refusals_of_changes_are_documented(client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema")).json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if not path.startswith(("/health", "/metrics")):
                assert "421" in operation["responses"]
            if method != "get":
                assert "403" in operation["responses"], (method, path)
