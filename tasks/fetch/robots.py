"""Whether a site lets us read a page (RFC 9309).

Where we choose: a site whose robots.txt cannot be had at the moment (5xx, 429, no connection) makes
its articles fail as something that may pass. The RFC says to take it for a refusal; but a refusal
would be final here, and the retry asks again. A robots.txt that is refused (4xx), redirects without
end or makes no sense allows everything, as the RFC says.
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
from tasks.fetch.content import wanted_robots
from tasks.fetch.rate_limiter import MAX_GAP, Pace, Slots

KEPT_ORIGINS = 2_000
KEPT_SECONDS = 3_600.0
FAILURE_KEPT_SECONDS = 15.0
"""Shorter than a retry's delay; long enough that a dead site's many articles ask once."""

_ALLOWING = frozenset(
    {
        Reason.NOT_FOUND,
        Reason.HTTP_ERROR,
        Reason.TOO_MANY_REDIRECTS,
        Reason.UNSUPPORTED_CONTENT,
        Reason.INVALID_URL,
    }
)

_AGENT_LINE = re.compile(r"\s*user(?:-|\s*)agent[\s:]+([^#]*)", re.IGNORECASE)


class _Answer(Struct, frozen=True, kw_only=True):
    """What a site said, or why it said nothing."""

    rules: Protego | None = None
    gap: float = 0.0
    """Seconds between requests that it asks for."""
    failure: StepError | None = None
    until: float
    """When it is forgotten, on the clock."""


class RobotsRules:
    """One answer per origin, remembered for an hour; asked for once, however many wait for it."""

    def __init__(
        self,
        client: Client,
        *,
        user_agent: str,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        kept_origins: int = KEPT_ORIGINS,
    ) -> None:
        self._client = client
        self._token = product_token(user_agent)
        self._timeout = timeout
        self._clock = clock
        self._kept_origins = kept_origins
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._turns = Slots(per_key=1)

    async def check(self, target: httpx.URL, deadline: Deadline) -> float:
        """The seconds between requests that the site asks for; 0 where it does not.

        Raises PermanentFailure where the site forbids the page, or what kept us from asking."""
        answer = await self._answer(origin_of(target), deadline)
        if answer.failure is not None:
            raise _once_more(answer.failure)
        if answer.rules is not None and not answer.rules.can_fetch(str(target), self._token):
            raise PermanentFailure(
                Reason.ROBOTS_DENIED, "The site's robots.txt does not let us read this page."
            )
        return answer.gap

    async def _answer(self, origin: str, deadline: Deadline) -> _Answer:
        known = self._known(origin)
        if known is not None:
            return known
        async with AsyncExitStack() as turn:
            with deadline.paused():
                await turn.enter_async_context(self._turns.taken(origin))
            return self._known(origin) or self._remember(origin, await self._ask(origin, deadline))

    def _known(self, origin: str) -> _Answer | None:
        answer = self._answers.get(origin)
        if answer is None or answer.until <= self._clock():
            return None
        self._answers.move_to_end(origin)
        return answer

    def _remember(self, origin: str, answer: _Answer) -> _Answer:
        self._answers[origin] = answer
        self._answers.move_to_end(origin)
        while len(self._answers) > self._kept_origins:
            self._answers.popitem(last=False)
        return answer

    async def _ask(self, origin: str, deadline: Deadline) -> _Answer:
        try:
            async with Deadline(self._timeout, within=deadline) as own:
                url = f"{origin}/robots.txt"
                page = await self._client.get(url, wanted_robots(), own, pace=Pace(first=True))
        except PermanentFailure as failure:
            if failure.reason in _ALLOWING:
                return _Answer(until=self._clock() + KEPT_SECONDS)
            return _Answer(failure=failure, until=self._clock() + FAILURE_KEPT_SECONDS)
        except TransientFailure as failure:
            return _Answer(failure=failure, until=self._clock() + FAILURE_KEPT_SECONDS)
        rules = parse_robots(page.body, self._token)
        gap = wanted_gap(rules, self._token)
        if gap:
            await self._client.widen(httpx.URL(origin), gap)
        return _Answer(rules=rules, gap=gap, until=self._clock() + KEPT_SECONDS)


def product_token(user_agent: str) -> str:
    """The name that robots.txt would call us by."""
    return user_agent.split()[0].partition("/")[0].lower()


def parse_robots(body: bytes, token: str) -> Protego:
    """The rules in it. Any bytes give some."""
    return Protego.parse("\n".join(_without_strangers(body, token)))


def wanted_gap(rules: Protego, token: str) -> float:
    """Seconds between requests, by `Crawl-delay` or `Request-rate`; at most MAX_GAP.

    What is no number, or below 0, was never written: neither is part of RFC 9309.
    """
    rate = rules.request_rate(token)
    gaps = (
        rules.crawl_delay(token),
        rate.seconds / rate.requests if rate and rate.requests > 0 else None,
    )
    return max((min(gap, MAX_GAP) for gap in gaps if gap is not None and gap > 0), default=0.0)


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


def _once_more(failure: StepError) -> StepError:
    """The same failure as a new exception: one that is raised twice would grow a traceback."""
    if isinstance(failure, TransientFailure):
        return TransientFailure(
            failure.reason, failure.detail, retry_after=failure.retry_after, host=failure.host
        )
    return PermanentFailure(failure.reason, failure.detail)
