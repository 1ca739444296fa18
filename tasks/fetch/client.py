"""The time that one fetch has, redirects and body included."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, aclosing, contextmanager
from functools import partial
from types import TracebackType

import httpx
from msgspec.structs import replace

from nlp.article import Page
from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.fetch.addresses import join_target, origin_of, parse_target
from tasks.fetch.content import ACCEPT_ENCODING, Wanted, announced, drain, read_body, too_large
from tasks.fetch.failures import failure_of, redirect_location, told_as_step_errors
from tasks.fetch.http_cache import HttpCache, Reply
from tasks.fetch.rate_limiter import ANY_PACE, MAX_GAP, Limits, Pace


class Deadline:
    """Ends its block with TIMED_OUT. It stands still while we wait for limits of our own.

    Else the last of fifty pages of one host would fail because we are polite, not because its site
    is slow.
    """

    def __init__(self, seconds: float, *, within: Deadline | None = None) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._within = within
        """The deadline around this one, which stands still with it."""

    async def __aenter__(self) -> Deadline:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise TransientFailure(Reason.TIMED_OUT, "The site took too long to answer.") from late

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A stretch of time that does not count."""
        with ExitStack() as stack:
            if self._within is not None:
                stack.enter_context(self._within.paused())
            stack.enter_context(self._stopped())
            yield

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        due = self._timeout.when()
        if due is None or self._timeout.expired():
            yield
            return
        now = asyncio.get_running_loop().time
        since = now()
        self._timeout.reschedule(None)
        try:
            yield
        finally:
            self._timeout.reschedule(due + now() - since)


MAX_REDIRECTS = 5

CONNECT_SECONDS = 10.0
"""For each address of a host; the deadline bounds the rest."""

REDIRECTED_PATIENCE = 2 * MAX_GAP
"""Seconds that a fetch waits here for the next host after a redirect. It is not put off then: it
would begin anew with the first host, and stand in that one's line for ever."""

Check = Callable[[httpx.URL, Deadline], Awaitable[float]]
"""Asked before each request; raises what speaks against it, and gives the seconds between requests
that the site asks for."""


async def no_check(target: httpx.URL, deadline: Deadline) -> float:
    """Nothing speaks against it."""
    return 0.0


class Client:
    """Asks sites for documents."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        limits: Limits,
        *,
        user_agent: str,
        allow_private: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._transport = transport
        self._limits = limits
        self._user_agent = user_agent
        self._allow_private = allow_private
        self._clock = clock

    async def get(
        self,
        url: str,
        wanted: Wanted,
        deadline: Deadline,
        check: Check = no_check,
        *,
        headers: Mapping[str, str] | None = None,
        pace: Pace = ANY_PACE,
        cache: HttpCache | None = None,
    ) -> Page:
        """The document behind the URL. Raises PermanentFailure, TransientFailure or HostBusy.

        The headers, beside our own, go to the URL's own origin only: they may hold a key. What was
        asked for with them is not for a cache.
        """
        target = parse_target(url, allow_private=self._allow_private)
        origin = origin_of(target)
        for _ in range(MAX_REDIRECTS + 1):
            gap = max(pace.gap, await check(target, deadline))
            own = headers if origin_of(target) == origin else None
            ask = partial(self._ask, target, wanted, deadline, replace(pace, gap=gap), own or {})
            if cache is None or headers:
                found = (await ask({})).found
            else:
                found = await cache.reply(target, wanted, ask)
            if isinstance(found, Page):
                return found
            target = join_target(target, found, allow_private=self._allow_private)
            pace = replace(pace, first=True, patience=REDIRECTED_PATIENCE)
        raise PermanentFailure(
            Reason.TOO_MANY_REDIRECTS, f"The page redirects more than {MAX_REDIRECTS} times."
        )

    async def widen(self, target: httpx.URL, gap: float) -> None:
        """The site wants this gap, also between requests that were to come sooner."""
        await self._limits.widen(target.host, gap)

    async def _ask(
        self,
        target: httpx.URL,
        wanted: Wanted,
        deadline: Deadline,
        pace: Pace,
        headers: Mapping[str, str],
        conditions: Mapping[str, str],
    ) -> Reply:
        """With conditions, a 304 is an answer like others."""
        async with AsyncExitStack() as stack:
            with deadline.paused():
                await stack.enter_async_context(self._limits.taken(target.host, str(target), pace))
            stack.enter_context(told_as_step_errors())
            request = self._request(target, wanted, {**headers, **conditions})
            asked_s = self._clock()
            response = await self._transport.handle_async_request(request)
            await stack.enter_async_context(aclosing(response))
            received_s = self._clock()
            location = redirect_location(response)
            if location is None and not (conditions and response.status_code == 304):
                found: Page | str = await self._read(target, response, wanted)
            else:
                await drain(response)
                found = location or ""
            return Reply(
                status=response.status_code,
                headers=response.headers,
                asked_s=asked_s,
                received_s=received_s,
                found=found,
            )

    def _request(
        self, target: httpx.URL, wanted: Wanted, headers: Mapping[str, str]
    ) -> httpx.Request:
        return httpx.Request(
            "GET",
            target,
            headers={
                **headers,
                "user-agent": self._user_agent,
                "accept": wanted.accept,
                "accept-encoding": ACCEPT_ENCODING,
            },
            extensions={"timeout": {"connect": CONNECT_SECONDS}},
        )

    async def _read(self, target: httpx.URL, response: httpx.Response, wanted: Wanted) -> Page:
        failure = failure_of(response, self._clock(), target.host)
        if failure is not None:
            if isinstance(failure, TransientFailure) and failure.retry_after:
                await self._limits.hold(target.host, failure.retry_after)
            await drain(response)
            raise failure
        content_type = response.headers.get("content-type")
        if not wanted.accepts(content_type):
            raise _not_readable()
        if not wanted.truncate and (announced(response) or 0) > wanted.max_bytes:
            raise too_large(wanted)
        body = await read_body(response, wanted)
        if not wanted.recognises(content_type, body):
            raise _not_readable()
        return Page(url=str(target), body=body, content_type=content_type)


def _not_readable() -> PermanentFailure:
    return PermanentFailure(
        Reason.UNSUPPORTED_CONTENT, "The address leads to something other than a readable page."
    )
