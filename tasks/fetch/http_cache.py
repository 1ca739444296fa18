"""What was fetched before, kept as RFC 9111 lets a shared cache keep it.

`cache_headers` reads what the headers of a response say about keeping it; this goes between the
client and the site.

Shared, because the jobs of all callers use it; so what a site calls `private` is not kept. Where
the RFC leaves a choice we ask the site once more:

- no heuristic freshness: an article without a word about its age is checked, for what we rank by
  is what it says today;
- of `max-age` and `s-maxage` the shorter one holds, and of several the shortest: a site that gives
  its own proxies a year tells them when to forget, and does not tell us;
- what makes no sense (a broken number or date) has expired;
- a clock that was set back makes what is kept older, not younger.

hishel 2.0, the library for this, was tried and left. Its state machine takes an answer without a
`Date` for fresh for ever, passes over `Age`, calls a page fresh for up to a week because it is old,
sends back an `ETag` of `*`, takes a 304 to an unconditional request for a confirmation, and reads
the clock itself, so that none of this can be mended from outside or tested without waiting. Its
store in Redis leaves its bound to an eviction policy, which a server that holds the ledger must not
have. One method, one status and one variant of each document is what we need of the RFC.

Only 200 to a GET without headers of the caller's own is kept, under its own URL. A redirect is
followed anew each time, and each of its URLs is checked anew.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import httpx
import msgspec
from msgspec import Struct

from nlp.article import Page
from tasks.fetch.cache_headers import (
    Answer,
    conditions,
    confirmed,
    confirms,
    initial_age,
    is_fresh,
    may_be_kept,
    read_said,
)
from tasks.fetch.content import ACCEPT_ENCODING, Wanted
from tasks.settings import Settings

LAYOUT = "1"
"""Of what is kept. What was kept in another one is not found."""

FORGOTTEN = b""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


class Store(Protocol):
    """Where it is kept: bounded, and never the reason that a fetch fails."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes, ttl: float) -> None: ...


class Reply(Struct, frozen=True, kw_only=True):
    """What a site answered, if that was of use."""

    status: int
    headers: httpx.Headers
    asked_s: float
    received_s: float
    """Seconds since the epoch, without what we waited for limits of our own."""
    found: Page | str = ""
    """The document, or where it has gone; of a 304 neither."""


Ask = Callable[[Mapping[str, str]], Awaitable[Reply]]
"""Asks the site, with these headers added. Answers 304 only to those; raises what went wrong."""


class HttpCache:
    """The documents that were fetched, of all jobs and workers that share the store."""

    def __init__(
        self, store: Store, settings: Settings, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._ttl = settings.http_cache_ttl
        self._max_age = settings.http_cache_max_age
        self._clock = clock
        self._as_whom = (
            LAYOUT,
            settings.user_agent,
            # What was read in our own network is not for those who may not go there.
            settings.egress_proxy or "",
            str(settings.allow_private_addresses),
        )

    async def reply(self, target: httpx.URL, wanted: Wanted, ask: Ask) -> Page | str:
        """The document, or where it has gone."""
        key = self._key(target, wanted)
        known = await self._find(key, wanted)
        if known is not None and is_fresh(known, self._clock(), self._max_age):
            return _page(target, known)
        asked = conditions(known.said) if known else {}
        reply = await ask(asked)
        if known is not None and reply.status == 304:
            said = read_said(reply.headers)
            if confirms(said, known):
                answer = confirmed(known, said, reply.asked_s, reply.received_s)
                if self._says_more(answer, known):
                    await self._keep(key, answer, known)
                return _page(target, answer)
            reply = await ask({})
        if isinstance(reply.found, Page) and reply.status == 200:
            await self._keep(key, _answer(reply, reply.found), known)
        return reply.found

    async def _find(self, key: str, wanted: Wanted) -> Answer | None:
        kept = await self._store.get(key)
        try:
            answer = _decode(kept) if kept else None
        except (msgspec.MsgspecError, ValueError):
            return None
        return answer if answer is not None and _is_wanted(answer, wanted) else None

    async def _keep(self, key: str, answer: Answer, before: Answer | None) -> None:
        if may_be_kept(answer.said, answer.received_s):
            await self._store.put(key, _encode(answer), self._ttl)
        elif before is not None:
            await self._store.put(key, FORGOTTEN, 1.0)

    def _says_more(self, answer: Answer, before: Answer) -> bool:
        """Whether a 304 spares later requests. To keep an answer again costs more than to fetch it:
        most sites only confirm, and then what is kept need only be renewed now and then."""
        renews = answer.received_s - before.received_s > self._ttl / 2
        kept = may_be_kept(answer.said, answer.received_s)
        return renews or not kept or is_fresh(answer, answer.received_s, self._max_age)

    def _key(self, target: httpx.URL, wanted: Wanted) -> str:
        """Holds every header that we send, so a `Vary` by any of them is met."""
        return "\n".join((*self._as_whom, wanted.accept, ACCEPT_ENCODING, str(target)))


def _answer(reply: Reply, page: Page) -> Answer:
    said = read_said(reply.headers)
    return Answer(
        body=page.body,
        content_type=page.content_type,
        said=said,
        received_s=reply.received_s,
        initial_age_s=initial_age(said, reply.asked_s, reply.received_s),
    )


def _is_wanted(answer: Answer, wanted: Wanted) -> bool:
    """As a live one is checked: settings change."""
    return (
        len(answer.body) <= wanted.max_bytes
        and wanted.accepts(answer.content_type)
        and wanted.recognises(answer.content_type, answer.body)
    )


def _page(target: httpx.URL, answer: Answer) -> Page:
    return Page(url=str(target), body=answer.body, content_type=answer.content_type)
