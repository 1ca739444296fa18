"""Between client and site: asks nothing, asks whether a document has changed, or asks for it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import httpx
import msgspec
from msgspec import Struct

from nlp.article import Page
from tasks.fetch.body import ACCEPT_ENCODING
from tasks.fetch.caching.answer import (
    Answer,
    conditions,
    confirmed,
    confirms,
    initial_age,
    is_fresh,
    may_be_kept,
)
from tasks.fetch.caching.said import read_said
from tasks.fetch.wanted import Wanted
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
