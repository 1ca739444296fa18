"""The one way out to the web."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from nlp.article import Page
from tasks.fetch.client import Client
from tasks.fetch.deadline import Deadline
from tasks.fetch.limits import Limits
from tasks.fetch.resolver import Resolver, system_resolver
from tasks.fetch.robots import RobotsRules
from tasks.fetch.transport import direct_transport, proxy_transport
from tasks.fetch.wanted import wanted_document, wanted_page
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
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._timeout = settings.fetch_timeout
        self._client = Client(
            transport,
            Limits(settings.fetch_concurrency, settings.fetch_concurrency_per_host),
            user_agent=settings.user_agent,
            allow_private=settings.allow_private_addresses,
            clock=wall_clock,
        )
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
            return await self._client.get(url, self._page, deadline, self._robots.check)

    async def document(self, url: str) -> Page:
        """robots.txt is not asked: it speaks to crawlers, which follow links that they find. A feed
        or an API is there to be asked by programs, and the operator named it."""
        async with Deadline(self._timeout) as deadline:
            return await self._client.get(url, self._document, deadline)

    async def aclose(self) -> None:
        await self._transport.aclose()


def build_fetcher(settings: Settings, *, resolver: Resolver = system_resolver) -> HttpFetcher:
    """The fetcher that the settings describe: through the egress proxy where there is one."""
    if settings.egress_proxy:
        return HttpFetcher(proxy_transport(settings.egress_proxy), settings)
    direct = direct_transport(resolver, allow_private=settings.allow_private_addresses)
    return HttpFetcher(direct, settings)
