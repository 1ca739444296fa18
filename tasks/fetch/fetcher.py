"""The one way out to the web."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import httpx

from nlp.article import Page
from tasks.fetch.addresses import Resolver, system_resolver
from tasks.fetch.client import Client, Deadline
from tasks.fetch.content import wanted_document, wanted_page
from tasks.fetch.http_cache import HttpCache, Store
from tasks.fetch.local_rate_limiter import LocalHosts
from tasks.fetch.rate_limiter import (
    DOCUMENT_PATIENCE,
    MAX_GAP,
    SLOT_MARGIN,
    HostBudget,
    Limits,
    Pace,
)
from tasks.fetch.robots import RobotsRules
from tasks.fetch.transport import direct_transport, proxy_transport
from tasks.settings import Settings


class HttpFetcher:
    """Gets pages and documents over HTTP; the `Fetcher` of `tasks.ports`.

    It belongs to one event loop and is closed with `aclose`.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        settings: Settings,
        *,
        hosts: HostBudget | None = None,
        store: Store | None = None,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._timeout = settings.fetch_timeout
        self._limits = Limits(
            settings.fetch_concurrency,
            hosts or LocalHosts(settings.fetch_concurrency_per_host, slot_seconds(settings)),
            gap=settings.fetch_delay_per_host,
        )
        self._client = Client(
            transport,
            self._limits,
            user_agent=settings.user_agent,
            allow_private=settings.allow_private_addresses,
            clock=wall_clock,
        )
        self._cache = HttpCache(store, settings, clock=wall_clock) if store else None
        self._robots = RobotsRules(
            self._client,
            user_agent=settings.user_agent,
            # Less than the page's own time, so that a slow robots.txt is known as one.
            timeout=settings.fetch_timeout / 2,
            clock=clock,
        )
        self._page = wanted_page(settings.fetch_max_bytes)
        self._document = wanted_document(settings.fetch_max_bytes)

    async def page(self, url: str) -> Page:
        async with Deadline(self._timeout) as deadline:
            return await self._client.get(
                url, self._page, deadline, self._robots.check, cache=self._cache
            )

    async def document(
        self, url: str, *, headers: Mapping[str, str] | None = None, interval: float = 0.0
    ) -> Page:
        """robots.txt is not asked: it speaks to crawlers, which follow links that they find. A feed
        or an API is there to be asked by programs, and the operator named it."""
        pace = Pace(gap=min(interval, MAX_GAP), patience=DOCUMENT_PATIENCE)
        async with Deadline(self._timeout) as deadline:
            return await self._client.get(
                url, self._document, deadline, headers=headers, pace=pace, cache=self._cache
            )

    async def aclose(self) -> None:
        await self._transport.aclose()
        await self._limits.aclose()


def slot_seconds(settings: Settings) -> float:
    """How long a request may hold one of its host's slots."""
    return settings.fetch_timeout + SLOT_MARGIN


def build_fetcher(
    settings: Settings,
    *,
    resolver: Resolver = system_resolver,
    hosts: HostBudget | None = None,
    store: Store | None = None,
) -> HttpFetcher:
    """The fetcher that the settings describe: through the egress proxy where there is one.

    Without a budget of hosts that it shares with others, it keeps one of its own. Without a store
    it fetches each document anew.
    """
    if settings.egress_proxy:
        transport = proxy_transport(settings.egress_proxy)
    else:
        private = settings.allow_private_addresses
        transport = direct_transport(resolver, allow_private=private)
    return HttpFetcher(transport, settings, hosts=hosts, store=store)
