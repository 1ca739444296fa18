"""Whether a site allows us to fetch a page (RFC 9309).

Our own choice: if robots.txt is unavailable at the moment (5xx, 429, no connection), the site's
articles fail with a transient error. The RFC says to treat this as a refusal; but a refusal would
be final here, whereas a retry asks again. A robots.txt that is refused (4xx), redirects without end
or is invalid allows everything, as the RFC says.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AsyncExitStack

import httpx
from msgspec import Struct

from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.fetch.addresses import origin_of
from tasks.fetch.client import Client, Deadline
from tasks.fetch.content import MAX_ROBOTS_BYTES, robots_policy
from tasks.fetch.rate_limiter import MAX_INTERVAL_SECONDS, Pace
from tasks.fetch.robots_rules import RobotsRules, parse_rules, product_token
from tasks.keyed_semaphore import KeyedSemaphore

MAX_ORIGINS = 2_000

MAX_CACHED_RULES = 200_000
"""Of all origins together. A rule takes up to 400 bytes, and a file of 500 KiB has up to 60,000."""

PARSED_IN_THREAD_BYTES = 20_000
"""From this size on, parsing may take longer than some milliseconds."""

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


class _Record(Struct, frozen=True, kw_only=True):
    """The robots.txt of one origin, or the reason why there is none."""

    rules: RobotsRules | None = None
    interval: float = 0.0
    """Seconds between requests that the site asks for."""
    failure: StepError | None = None
    expires: float
    """On the clock of the checker."""

    @property
    def size(self) -> int:
        return self.rules.size if self.rules else 0


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
        max_rules: int = MAX_CACHED_RULES,
    ) -> None:
        self._client = client
        self._token = product_token(user_agent)
        self._timeout = timeout
        self._clock = clock
        self._max_origins = max_origins
        self._max_rules = max_rules
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._rules_cached = 0
        self._fetching = KeyedSemaphore(per_key=1)

    async def check(self, target: httpx.URL, deadline: Deadline) -> float:
        """The seconds between requests that the site asks for; 0 where it does not.

        Raises PermanentFailure where the site forbids the page, or the failure to get robots.txt.
        """
        record = await self._record(origin_of(target), deadline)
        if record.failure is not None:
            raise _copy_of(record.failure)
        path = target.raw_path.decode("ascii")
        if record.rules is not None and not record.rules.allows(path):
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
        self._drop(origin)
        self._records[origin] = record
        self._rules_cached += record.size
        while len(self._records) > self._max_origins or self._rules_cached > self._max_rules:
            self._drop(next(iter(self._records)))
        return record

    def _drop(self, origin: str) -> None:
        record = self._records.pop(origin, None)
        self._rules_cached -= record.size if record else 0

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
        rules = await self._parse(_whole_lines(page.body))
        interval = min(rules.interval, MAX_INTERVAL_SECONDS)
        if interval:
            await self._client.require_interval(httpx.URL(origin), interval)
        return _Record(rules=rules, interval=interval, expires=self._clock() + TTL_SECONDS)

    async def _parse(self, body: bytes) -> RobotsRules:
        if len(body) < PARSED_IN_THREAD_BYTES:
            return parse_rules(body, self._token)
        return await asyncio.to_thread(parse_rules, body, self._token)


def _whole_lines(body: bytes) -> bytes:
    """Without the line in which a long file was cut: of `Disallow: /private`, the beginning
    `Disallow: /` would forbid the whole site."""
    if len(body) < MAX_ROBOTS_BYTES:
        return body
    return body[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]


def _copy_of(failure: StepError) -> StepError:
    """The same failure as a new exception: one that is raised twice would grow a traceback."""
    if isinstance(failure, TransientFailure):
        return TransientFailure(
            failure.reason, failure.detail, retry_after=failure.retry_after, host=failure.host
        )
    return PermanentFailure(failure.reason, failure.detail)
