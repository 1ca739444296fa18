"""A shared HTTP cache between the client and the sites (RFC 9111).

`cache_headers` parses the headers and decides on freshness; this module loads, revalidates and
stores.

The cache is shared because the jobs of all clients use it; so responses marked `private` are not
stored. Where the RFC leaves a choice we rather ask the site once more:

- no heuristic freshness: an article without any statement about its age is revalidated, because we
  rank by its present content;
- of `max-age` and `s-maxage` the shorter one counts, and of several the shortest: a site that
  grants its own proxies a year invalidates those itself, but not ours;
- an invalid number or date counts as expired;
- a clock that was set back makes stored responses older, not younger.

hishel 2.0, the library for this, was tried and rejected. Its state machine treats a response
without a `Date` as fresh for ever, ignores `Age`, treats a page as fresh for up to a week because
it is old, sends back an `ETag` of `*`, takes a 304 to an unconditional request for a confirmation,
and reads the clock itself, so that none of this can be corrected from outside or tested without
waiting. Its Redis store leaves its size limit to an eviction policy, which a server that holds the
ledger must not have. We need one method, one status and one variant of each document of the RFC.

Only a 200 to a GET without headers of the caller's own is stored, under its own URL. A redirect is
followed again each time, and each of its URLs is checked again.
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
    StoredResponse,
    conditional_headers,
    confirms,
    freshened,
    initial_age,
    is_fresh,
    is_storable,
    parse_cache_headers,
)
from tasks.fetch.content import ContentPolicy
from tasks.fetch.decompression import ACCEPT_ENCODING
from tasks.policies import FetchPolicy

FORMAT_VERSION = "1"
"""Of the stored bytes. Entries of another version are not found."""

TOMBSTONE = b""
"""Replaces an entry that must not be used any more."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(StoredResponse).decode


class Store(Protocol):
    """A bounded store of bytes that never makes a fetch fail."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes, ttl: float) -> None: ...


class SiteResponse(Struct, frozen=True, kw_only=True):
    """A usable response of a site."""

    status: int
    headers: httpx.Headers
    requested_s: float
    received_s: float
    """Seconds since the epoch; the wait for our own limits comes before `requested_s`."""
    content: Page | str = ""
    """The document, or the location of a redirect; empty for a 304."""


SendRequest = Callable[[Mapping[str, str]], Awaitable[SiteResponse]]
"""Sends the request with these headers added. Returns a 304 only if there are some; raises the
failure where the response is unusable."""


class HttpCache:
    """The fetched documents of all jobs and workers that share the store."""

    def __init__(
        self, store: Store, policy: FetchPolicy, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._ttl = policy.cache_ttl
        self._max_age = policy.cache_max_age
        self._clock = clock
        self._key_prefix = (
            FORMAT_VERSION,
            policy.user_agent,
            # A fetcher that may not enter our own network must not get documents from there.
            policy.egress_proxy or "",
            str(policy.allow_private_addresses),
        )

    async def get(
        self, target: httpx.URL, content_policy: ContentPolicy, send: SendRequest
    ) -> Page | str:
        """The document, or the location of a redirect; sends a request where one is needed."""
        key = self._key(target, content_policy)
        stored = await self._load(key, content_policy)
        if stored is not None and is_fresh(stored, self._clock(), self._max_age):
            return _page(target, stored)
        response = await send(conditional_headers(stored.headers) if stored else {})
        if stored is not None and response.status == 304:
            headers = parse_cache_headers(response.headers)
            if confirms(headers, stored):
                fresher = freshened(stored, headers, response.requested_s, response.received_s)
                if self._is_worth_storing(fresher, stored):
                    await self._save(key, fresher, stored)
                return _page(target, fresher)
            response = await send({})
        if isinstance(response.content, Page) and response.status == 200:
            await self._save(key, _stored_response(response, response.content), stored)
        return response.content

    async def _load(self, key: str, content_policy: ContentPolicy) -> StoredResponse | None:
        value = await self._store.get(key)
        try:
            stored = _decode(value) if value else None
        except (msgspec.MsgspecError, ValueError):
            return None
        return stored if stored is not None and _is_accepted(stored, content_policy) else None

    async def _save(
        self, key: str, response: StoredResponse, previous: StoredResponse | None
    ) -> None:
        if is_storable(response.headers, response.received_s):
            await self._store.put(key, _encode(response), self._ttl)
        elif previous is not None:
            await self._store.put(key, TOMBSTONE, 1.0)

    def _is_worth_storing(self, confirmed: StoredResponse, previous: StoredResponse) -> bool:
        """Whether a 304 saves later requests. Storing a response again costs more than fetching
        it: most sites only confirm, and then the entry need only be renewed now and then."""
        renews = confirmed.received_s - previous.received_s > self._ttl / 2
        storable = is_storable(confirmed.headers, confirmed.received_s)
        return renews or not storable or is_fresh(confirmed, confirmed.received_s, self._max_age)

    def _key(self, target: httpx.URL, content_policy: ContentPolicy) -> str:
        """Contains every header that we send, so any `Vary` by one of them is honoured."""
        return "\n".join((*self._key_prefix, content_policy.accept, ACCEPT_ENCODING, str(target)))


def _stored_response(response: SiteResponse, page: Page) -> StoredResponse:
    headers = parse_cache_headers(response.headers)
    return StoredResponse(
        body=page.body,
        content_type=page.content_type,
        headers=headers,
        received_s=response.received_s,
        initial_age_s=initial_age(headers, response.requested_s, response.received_s),
    )


def _is_accepted(stored: StoredResponse, content_policy: ContentPolicy) -> bool:
    """The checks of a live response, because settings change."""
    return (
        len(stored.body) <= content_policy.max_bytes
        and content_policy.accepts(stored.content_type)
        and content_policy.recognises(stored.content_type, stored.body)
    )


def _page(target: httpx.URL, stored: StoredResponse) -> Page:
    return Page(url=str(target), body=stored.body, content_type=stored.content_type)
