"""Fetching over TLS, on the loopback."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nlp.article import Page
from tasks.composition import fetch_policy
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.fetch.fetcher import HttpFetcher, build_fetcher
from tasks.fetch.transport import direct_transport
from tasks.settings import Settings
from tests.integration.raw_site import STORY, Site, loopback_resolver, serving
from tests.tcp_server import tcp_server

LOCAL = Settings(allow_private_addresses=True, fetch_timeout=5)
LOCAL_AND_QUICK = Settings(allow_private_addresses=True, fetch_timeout=0.2)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


async def failure_of(url: str, settings: Settings = LOCAL) -> StepError:
    fetcher = build_fetcher(fetch_policy(settings))
    with pytest.raises(StepError) as caught:
        await fetcher.document(url)
    await fetcher.aclose()
    return caught.value


async def test_a_site_that_does_not_speak_tls(site: Site) -> None:
    site.greeting = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    failure = await failure_of(f"https://127.0.0.1:{site.port}/story")
    assert isinstance(failure, TransientFailure)
    assert failure.reason == Reason.CONNECTION_FAILED


async def test_a_site_that_hangs_in_the_handshake_costs_no_socket(site: Site) -> None:
    failure = await failure_of(f"https://127.0.0.1:{site.port}/story", LOCAL_AND_QUICK)
    assert failure.reason == Reason.TIMED_OUT
    gc.collect()  # a socket that was forgotten open warns now, and warnings are errors


@pytest.mark.parametrize(
    ("host", "trusted", "comes"),
    [("news.example", True, True), ("other.example", True, False), ("news.example", False, False)],
)
async def test_the_name_must_be_in_a_certificate_that_we_trust(
    site: Site, certificate: Path, host: str, trusted: bool, comes: bool
) -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate)
    context = ssl.create_default_context(cafile=certificate if trusted else None)
    transport = direct_transport(loopback_resolver, allow_private=True, ssl_context=context)
    fetcher = HttpFetcher(transport, fetch_policy(LOCAL))
    async with tcp_server(site.serve, server_context) as port:
        fetched = fetcher.document(f"https://{host}:{port}/story")
        (result,) = await asyncio.gather(fetched, return_exceptions=True)
        await fetcher.aclose()
    if comes:
        assert isinstance(result, Page)
        assert result.body == STORY
    else:
        assert isinstance(result, PermanentFailure)
        assert result.detail == "The site's certificate could not be verified."
