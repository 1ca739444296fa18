"""The `Fetcher` of `tasks.ports` over HTTP: the only way from this program to the web."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import httpx

from nlp.article import Page
from tasks.cost import Timed, current_meter
from tasks.fetch.client import Client, Deadline
from tasks.fetch.content import document_policy, page_policy
from tasks.fetch.http_cache import HttpCache, Store
from tasks.fetch.local_rate_limiter import LocalRateLimiter
from tasks.fetch.rate_limiter import (
    DOCUMENT_MAX_WAIT_SECONDS,
    MAX_INTERVAL_SECONDS,
    HostRateLimiter,
    Pace,
    RequestLimiter,
)
from tasks.fetch.resolver import HostResolver
from tasks.fetch.robots import RobotsChecker
from tasks.fetch.transport import direct_transport, proxy_transport
from tasks.policies import FetchPolicy
from tasks.telemetry.metrics import counted_fetch
from tasks.telemetry.tracing import fetch_span


def build_fetcher(
    policy: FetchPolicy,
    *,
    host_limiter: HostRateLimiter | None = None,
    store: Store | None = None,
) -> HttpFetcher:
    """The fetcher of this policy: through the egress proxy where there is one.

    Without a host rate limiter shared with other processes, it has one of its own. Without a store
    nothing is cached.
    """
    if policy.egress_proxy:
        transport, resolver = proxy_transport(policy.egress_proxy), None
    else:
        resolver = HostResolver()
        transport = direct_transport(resolver, allow_private=policy.allow_private_addresses)
    return HttpFetcher(transport, policy, resolver=resolver, host_limiter=host_limiter, store=store)


class HttpFetcher:
    """Gets pages and documents over HTTP.

    It belongs to one event loop and is closed with `aclose`.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        policy: FetchPolicy,
        *,
        resolver: HostResolver | None = None,
        host_limiter: HostRateLimiter | None = None,
        store: Store | None = None,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._timeout = policy.timeout
        self._limiter = RequestLimiter(
            policy.concurrency,
            host_limiter or LocalRateLimiter(policy.concurrency_per_host, policy.slot_seconds),
            interval=policy.interval_per_host,
        )
        self._client = Client(
            transport,
            self._limiter,
            user_agent=policy.user_agent,
            resolver=resolver,
            allow_private=policy.allow_private_addresses,
            clock=wall_clock,
        )
        self._cache = HttpCache(store, policy, clock=wall_clock) if store else None
        self._robots = RobotsChecker(
            self._client,
            user_agent=policy.user_agent,
            # Less than the page's own time, so that a slow robots.txt fails as such.
            timeout=policy.timeout / 2,
            clock=clock,
        )
        self._page_policy = page_policy(policy.max_bytes)
        self._document_policy = document_policy(policy.max_bytes)

    async def page(self, url: str) -> Page:
        with fetch_span(url), counted_fetch("page"):
            return await Timed(self._page(url), current_meter().fetch)

    async def _page(self, url: str) -> Page:
        async with Deadline(self._timeout) as deadline:
            return await self._client.get(
                url, self._page_policy, deadline, self._robots.check, cache=self._cache
            )

    async def document(
        self, url: str, *, headers: Mapping[str, str] | None = None, interval: float = 0.0
    ) -> Page:
        """robots.txt is not checked: it addresses crawlers, which follow links that they find. A
        feed or an API exists for programs to call, and the operator configured it."""
        pace = Pace(
            interval=min(interval, MAX_INTERVAL_SECONDS), max_wait=DOCUMENT_MAX_WAIT_SECONDS
        )
        with fetch_span(url), counted_fetch("document"):
            async with Deadline(self._timeout) as deadline:
                return await self._client.get(
                    url,
                    self._document_policy,
                    deadline,
                    headers=headers,
                    pace=pace,
                    cache=self._cache,
                )

    async def aclose(self) -> None:
        await self._transport.aclose()
        await self._limiter.aclose()
