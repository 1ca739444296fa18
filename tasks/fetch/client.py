"""One GET with its redirects, within all bounds.

The transport is called without httpx's client around it: no cookies are kept, the environment
names no proxy, no `.netrc` is read, and no redirect is followed that was not checked.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing

import httpx

from nlp.article import Page
from tasks.errors import PermanentFailure, Reason
from tasks.fetch.body import ACCEPT_ENCODING, announced, drain, read_body, too_large
from tasks.fetch.deadline import Deadline
from tasks.fetch.failures import told_as_step_errors
from tasks.fetch.limits import Limits
from tasks.fetch.replies import failure_of, redirect_location
from tasks.fetch.target import join_target, parse_target
from tasks.fetch.wanted import Wanted

MAX_REDIRECTS = 5

CONNECT_SECONDS = 10.0
"""For each address of a host; the deadline bounds the rest."""

Check = Callable[[httpx.URL, Deadline], Awaitable[None]]
"""Asked before each request; raises what speaks against it."""


async def no_check(target: httpx.URL, deadline: Deadline) -> None:
    """Nothing speaks against it."""


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
        self, url: str, wanted: Wanted, deadline: Deadline, check: Check = no_check
    ) -> Page:
        """The document behind the URL. Raises PermanentFailure or TransientFailure."""
        target = parse_target(url, allow_private=self._allow_private)
        for _ in range(MAX_REDIRECTS + 1):
            await check(target, deadline)
            answer = await self._ask(target, wanted, deadline)
            if isinstance(answer, Page):
                return answer
            target = join_target(target, answer, allow_private=self._allow_private)
        raise PermanentFailure(
            Reason.TOO_MANY_REDIRECTS, f"The page redirects more than {MAX_REDIRECTS} times."
        )

    async def _ask(self, target: httpx.URL, wanted: Wanted, deadline: Deadline) -> Page | str:
        """The document, or where it has gone."""
        async with AsyncExitStack() as stack:
            with deadline.paused():
                await stack.enter_async_context(self._limits.taken(target.host))
            stack.enter_context(told_as_step_errors())
            response = await self._transport.handle_async_request(self._request(target, wanted))
            await stack.enter_async_context(aclosing(response))
            location = redirect_location(response)
            if location is None:
                return await self._read(target, response, wanted)
            await drain(response)
            return location

    def _request(self, target: httpx.URL, wanted: Wanted) -> httpx.Request:
        return httpx.Request(
            "GET",
            target,
            headers={
                "user-agent": self._user_agent,
                "accept": wanted.accept,
                "accept-encoding": ACCEPT_ENCODING,
            },
            extensions={"timeout": {"connect": CONNECT_SECONDS}},
        )

    async def _read(self, target: httpx.URL, response: httpx.Response, wanted: Wanted) -> Page:
        failure = failure_of(response, self._clock())
        if failure is not None:
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
