"""One GET: its redirects, its limits, its time and its response."""

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
from tasks.errors import HostBusy, PermanentFailure, Reason, TransientFailure
from tasks.fetch.addresses import join_target, literal_address, origin_of, parse_target
from tasks.fetch.content import (
    ContentPolicy,
    announced_length,
    drain,
    read_body,
    too_large,
)
from tasks.fetch.cookies import CookieJar
from tasks.fetch.decompression import ACCEPT_ENCODING
from tasks.fetch.failures import failure_of, http_errors_as_step_errors
from tasks.fetch.http_cache import HttpCache, SiteResponse
from tasks.fetch.rate_limiter import (
    DEFAULT_PACE,
    MAX_INTERVAL_SECONDS,
    MAX_WAIT_SECONDS,
    Pace,
    RequestLimiter,
)
from tasks.fetch.redirects import meta_refresh, redirect_location
from tasks.fetch.resolver import LOOKUP_SECONDS, HostResolver
from tasks.step_context import current_step
from tasks.telemetry.metrics import FETCHED
from tasks.telemetry.tracing import annotate

MAX_REDIRECTS = 10
"""Refreshes included. A shortened link takes six: shortener, feed proxy, https, www, slash."""

CONNECT_SECONDS = 10.0
"""For each address of a host; the deadline limits the rest."""

REDIRECT_MAX_WAIT_SECONDS = 2 * MAX_INTERVAL_SECONDS
"""How long a fetch waits for the next host after a redirect. It is not postponed there: it would
start again with the first host, and wait in that host's queue for ever."""

RequestCheck = Callable[[httpx.URL, "Deadline"], Awaitable[float]]
"""Called before each request. Returns the seconds between requests that the site asks for, or
raises the reason why the request must not be sent."""


async def no_check(target: httpx.URL, deadline: Deadline) -> float:
    """Allows every request."""
    return 0.0


class Client:
    """Requests documents from sites."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        limiter: RequestLimiter,
        *,
        user_agent: str,
        resolver: HostResolver | None = None,
        allow_private: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`resolver` is the transport's; None if the transport looks up no names, as through a
        proxy."""
        self._transport = transport
        self._limiter = limiter
        self._resolver = resolver
        self._user_agent = user_agent
        self._allow_private = allow_private
        self._clock = clock

    async def get(
        self,
        url: str,
        content_policy: ContentPolicy,
        deadline: Deadline,
        check: RequestCheck = no_check,
        *,
        headers: Mapping[str, str] | None = None,
        pace: Pace = DEFAULT_PACE,
        cache: HttpCache | None = None,
    ) -> Page:
        """The document behind the URL. Raises PermanentFailure, TransientFailure or HostBusy.

        The additional headers go to the URL's own origin only: they may contain a key. With
        headers, the cache is not used.
        """
        target = parse_target(url, allow_private=self._allow_private)
        origin, jar = origin_of(target), CookieJar()
        for _ in range(MAX_REDIRECTS + 1):
            interval = max(pace.interval, await check(target, deadline))
            own = dict(headers or {}) if origin_of(target) == origin else {}
            if cookies := jar.header_for(target):
                own["cookie"] = cookies
            request_pace = replace(pace, interval=interval)
            send = partial(self._send, target, content_policy, deadline, request_pace, own, jar)
            if cache is None or headers or cookies:
                content = (await send({})).content
            else:
                content = await cache.get(target, content_policy, send)
            has_new_cookies = jar.header_for(target) != cookies
            location = _next_location(content, content_policy, may_reload=has_new_cookies)
            if location is None and isinstance(content, Page):
                return content
            target = join_target(target, location or "", allow_private=self._allow_private)
            pace = replace(pace, urgent=True, max_wait=REDIRECT_MAX_WAIT_SECONDS)
        raise PermanentFailure(
            Reason.TOO_MANY_REDIRECTS, f"The page redirects more than {MAX_REDIRECTS} times."
        )

    async def require_interval(self, target: httpx.URL, interval: float) -> None:
        """Raises the interval of the site, also for requests that are queued already."""
        await self._limiter.require_interval(target.host, interval)

    async def _send(
        self,
        target: httpx.URL,
        content_policy: ContentPolicy,
        deadline: Deadline,
        pace: Pace,
        headers: Mapping[str, str],
        jar: CookieJar,
        conditions: Mapping[str, str],
    ) -> SiteResponse:
        """With conditions, a 304 is a usable response. The jar keeps the cookies that are set."""
        await self._look_up(target.host, deadline, pace)
        async with AsyncExitStack() as stack:
            with deadline.paused():
                await stack.enter_async_context(self._limiter.slot(target.host, str(target), pace))
            stack.enter_context(http_errors_as_step_errors())
            request = self._request(target, content_policy, {**headers, **conditions})
            requested_s = self._clock()
            response = await self._transport.handle_async_request(request)
            await stack.enter_async_context(aclosing(response))
            received_s = self._clock()
            cookies = jar.header_for(target)
            jar.store(target, response.headers.get_list("set-cookie"))
            annotate("http.response.status_code", response.status_code)
            location = redirect_location(
                response.status_code,
                response.headers,
                str(target),
                may_reload=jar.header_for(target) != cookies,
            )
            if location is None and not (conditions and response.status_code == 304):
                content: Page | str = await self._read(target, response, content_policy)
            else:
                await drain(response)
                content = location or ""
            return SiteResponse(
                status=response.status_code,
                headers=response.headers,
                requested_s=requested_s,
                received_s=received_s,
                content=content,
            )

    async def _look_up(self, host: str, deadline: Deadline, pace: Pace) -> None:
        """Looks up the host's name, so that the transport finds the answer in the resolver.

        The request has no slot yet: a lookup that hangs must not keep one from other requests. A
        step that waits long for its lookup is postponed, as if it waited for its host.
        """
        if self._resolver is None or literal_address(host) is not None:
            return
        may_postpone = pace.max_wait is None and current_step() is not None
        max_wait = MAX_WAIT_SECONDS if may_postpone else pace.max_wait
        try:
            await self._resolver.resolve(host, paused=deadline.paused, max_wait=max_wait)
        except TimeoutError as error:
            if may_postpone:
                raise HostBusy(host, LOOKUP_SECONDS) from error
            raise TransientFailure(
                Reason.TIMED_OUT, "Too many names of hosts wait to be looked up."
            ) from error

    def _request(
        self, target: httpx.URL, content_policy: ContentPolicy, headers: Mapping[str, str]
    ) -> httpx.Request:
        return httpx.Request(
            "GET",
            target,
            headers={
                **headers,
                "user-agent": self._user_agent,
                "accept": content_policy.accept,
                "accept-encoding": ACCEPT_ENCODING,
            },
            extensions={"timeout": {"connect": CONNECT_SECONDS}},
        )

    async def _read(
        self, target: httpx.URL, response: httpx.Response, content_policy: ContentPolicy
    ) -> Page:
        failure = failure_of(response, self._clock(), target.host)
        if failure is not None:
            if isinstance(failure, TransientFailure) and failure.retry_after:
                await self._limiter.block_for(target.host, failure.retry_after)
            await drain(response)
            raise failure
        content_type = response.headers.get("content-type")
        if not content_policy.accepts(content_type):
            raise _not_readable()
        length = announced_length(response) or 0
        if not content_policy.truncate and length > content_policy.max_bytes:
            raise too_large(content_policy)
        body = await read_body(response, content_policy)
        FETCHED.add(len(body))
        if not content_policy.recognises(content_type, body):
            raise _not_readable()
        return Page(url=str(target), body=body, content_type=content_type)


def _next_location(
    content: Page | str, content_policy: ContentPolicy, *, may_reload: bool
) -> str | None:
    """Where the response sends us; None where it is what was asked for."""
    if isinstance(content, Page):
        if not content_policy.follows_refresh:
            return None
        return meta_refresh(content, may_reload=may_reload)
    return content


def _not_readable() -> PermanentFailure:
    return PermanentFailure(
        Reason.UNSUPPORTED_CONTENT, "The address leads to something other than a readable page."
    )


class Deadline:
    """Ends its block with TIMED_OUT. Its clock stops while the fetch waits for our own limits.

    Otherwise the last of fifty pages of one host would fail because we are polite, not because its
    site is slow.
    """

    def __init__(self, seconds: float, *, within: Deadline | None = None) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._within = within
        """The deadline around this one, whose clock stops with this one's."""

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
        """Stops the clock for the body."""
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
