"""Whether a site allows us to fetch a page (RFC 9309).

Our own choice: if robots.txt is unavailable at the moment (5xx, 429, no connection), the site's
articles fail with a transient error. The RFC says to treat this as a refusal; but a refusal would
be final here, whereas a retry asks again. A robots.txt that is refused (4xx), redirects without end
or is invalid allows everything, as the RFC says.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import httpx
from msgspec import Struct
from protego import Protego

from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.fetch.addresses import origin_of
from tasks.fetch.client import Client, Deadline
from tasks.fetch.content import robots_policy
from tasks.fetch.rate_limiter import MAX_INTERVAL_SECONDS, KeyedSemaphore, Pace

MAX_ORIGINS = 2_000
TTL_SECONDS = 3_600.0
FAILURE_TTL_SECONDS = 15.0
"""Shorter than a retry's delay; long enough that the articles of a dead site share a request."""

_ALLOWING_REASONS = frozenset(
    {
        Reason.NOT_FOUND,
        Reason.HTTP_ERROR,
        Reason.TOO_MANY_REDIRECTS,
        Reason.UNSUPPORTED_CONTENT,
        Reason.INVALID_URL,
    }
)

_AGENT_LINE = re.compile(r"\s*user(?:-|\s*)agent[\s:]+([^#]*)", re.IGNORECASE)


class _Record(Struct, frozen=True, kw_only=True):
    """The robots.txt of one origin, or the reason why there is none."""

    rules: Protego | None = None
    interval: float = 0.0
    """Seconds between requests that the site asks for."""
    failure: StepError | None = None
    expires: float
    """On the clock of the checker."""


class RobotsChecker:
    """Keeps the robots.txt of each origin for an hour; concurrent checks share one request."""

    def __init__(
        self,
        client: Client,
        *,
        user_agent: str,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        max_origins: int = MAX_ORIGINS,
    ) -> None:
        self._client = client
        self._token = product_token(user_agent)
        self._timeout = timeout
        self._clock = clock
        self._max_origins = max_origins
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._fetching = KeyedSemaphore(per_key=1)

    async def check(self, target: httpx.URL, deadline: Deadline) -> float:
        """The seconds between requests that the site asks for; 0 where it does not.

        Raises PermanentFailure where the site forbids the page, or the failure to get robots.txt.
        """
        record = await self._record(origin_of(target), deadline)
        if record.failure is not None:
            raise _copy_of(record.failure)
        if record.rules is not None and not record.rules.can_fetch(str(target), self._token):
            raise PermanentFailure(
                Reason.ROBOTS_DENIED, "The site's robots.txt does not let us read this page."
            )
        return record.interval

    async def _record(self, origin: str, deadline: Deadline) -> _Record:
        cached = self._cached(origin)
        if cached is not None:
            return cached
        async with AsyncExitStack() as stack:
            with deadline.paused():
                await stack.enter_async_context(self._fetching.slot(origin))
            return self._cached(origin) or self._keep(origin, await self._fetch(origin, deadline))

    def _cached(self, origin: str) -> _Record | None:
        record = self._records.get(origin)
        if record is None or record.expires <= self._clock():
            return None
        self._records.move_to_end(origin)
        return record

    def _keep(self, origin: str, record: _Record) -> _Record:
        self._records[origin] = record
        self._records.move_to_end(origin)
        while len(self._records) > self._max_origins:
            self._records.popitem(last=False)
        return record

    async def _fetch(self, origin: str, deadline: Deadline) -> _Record:
        try:
            async with Deadline(self._timeout, within=deadline) as own:
                url = f"{origin}/robots.txt"
                page = await self._client.get(url, robots_policy(), own, pace=Pace(urgent=True))
        except PermanentFailure as failure:
            if failure.reason in _ALLOWING_REASONS:
                return _Record(expires=self._clock() + TTL_SECONDS)
            return _Record(failure=failure, expires=self._clock() + FAILURE_TTL_SECONDS)
        except TransientFailure as failure:
            return _Record(failure=failure, expires=self._clock() + FAILURE_TTL_SECONDS)
        rules = parse_robots(page.body, self._token)
        interval = crawl_interval(rules, self._token)
        if interval:
            await self._client.require_interval(httpx.URL(origin), interval)
        return _Record(rules=rules, interval=interval, expires=self._clock() + TTL_SECONDS)


def product_token(user_agent: str) -> str:
    """The name that robots.txt would call us by."""
    return user_agent.split()[0].partition("/")[0].lower()


def parse_robots(body: bytes, token: str) -> Protego:
    """The rules in it. Any bytes give some."""
    return Protego.parse("\n".join(_without_strangers(body, token)))


def crawl_interval(rules: Protego, token: str) -> float:
    """Seconds between requests, by `Crawl-delay` or `Request-rate`; at most MAX_GAP.

    What is no number, or below 0, was never written: neither is part of RFC 9309.
    """
    rate = rules.request_rate(token)
    intervals = (
        rules.crawl_delay(token),
        rate.seconds / rate.requests if rate and rate.requests > 0 else None,
    )
    return max(
        (
            min(interval, MAX_INTERVAL_SECONDS)
            for interval in intervals
            if interval is not None and interval > 0
        ),
        default=0.0,
    )


def _without_strangers(body: bytes, token: str) -> Iterator[str]:
    """The lines, with every agent that is not us under one name.

    Protego keeps each rule once for each agent of its group: 250 KB of agents and 250 KB of rules
    would be some 300 million rules.
    """
    for line in body.decode("utf-8-sig", errors="replace").splitlines():
        match = _AGENT_LINE.match(line)
        name = match[1].strip().lower() if match else None
        ours = not name or name == "*" or token.startswith(name.replace("*", ""))
        yield line if ours else "User-agent: (other)"


def _copy_of(failure: StepError) -> StepError:
    """The same failure as a new exception: one that is raised twice would grow a traceback."""
    if isinstance(failure, TransientFailure):
        return TransientFailure(
            failure.reason, failure.detail, retry_after=failure.retry_after, host=failure.host
        )
    return PermanentFailure(failure.reason, failure.detail)
