"""Which content a fetch accepts, and the reading of a body within its size limit.

A `ContentPolicy` states the media types and the size limit of one kind of document. `read_body`
has a body decompressed piece by piece (`decompression`) until the limit.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import cast

import httpx
from msgspec import Struct

from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.fetch.decompression import DECODING_ERRORS, decoder_for

_HTML = re.compile(
    rb"\A\s*<title\b|<\s*(?:!doctype\s+html|html|head|body|article)\b", re.IGNORECASE
)

SNIFFED_BYTES = 2_000


class ContentPolicy(Struct, frozen=True, kw_only=True):
    """What is accepted as one kind of document."""

    accept: str
    """The `Accept` header."""
    types: re.Pattern[str]
    """The media types that are accepted."""
    examined: re.Pattern[str]
    """The media types that say nothing, or may be wrong: the body decides."""
    sniff: re.Pattern[bytes]
    """What the beginning of such a body must contain."""
    max_bytes: int
    """Decompressed."""
    truncate: bool = False
    """Whether a longer body is cut at the limit; otherwise it is refused."""
    follows_refresh: bool = False
    """Whether a meta element in the document may send us on."""

    def accepts(self, content_type: str | None) -> bool:
        """Whether the media type is accepted, or the body is to be examined once it is read."""
        media_type = media_type_of(content_type)
        return any(pattern.fullmatch(media_type) for pattern in (self.types, self.examined))

    def recognises(self, content_type: str | None, body: bytes) -> bool:
        """Whether a body that is to be examined looks like this kind of document."""
        if self.types.fullmatch(media_type_of(content_type)):
            return True
        # Without zeros: UTF-16 looks like ASCII then.
        return self.sniff.search(body[:SNIFFED_BYTES].replace(b"\0", b"")) is not None


MAX_CONTENT_TYPE_CHARS = 1_000

_MEDIA_TYPE = re.compile(r"[\s;:]")
"""What ends a media type; some servers forget the semicolon."""


def media_type_of(content_type: str | None) -> str:
    """The media type in lower case; empty where there is none.

    The last one of several, as browsers have it: servers repeat the header with a better value.
    """
    values = (content_type or "")[:MAX_CONTENT_TYPE_CHARS].lower().split(",")
    types = [_MEDIA_TYPE.split(value.strip(), 1)[0] for value in values]
    return next((type_ for type_ in reversed(types) if "/" in type_), types[0])


_SAYING_NOTHING = (
    r"[^/]*|\*/\*|unknown/unknown|text/plain|text/xml|application/xml"
    r"|(?:application|binary)/(?:x-)?(?:octet-stream|unknown|(?:force-)?download|httpd-php)"
)


def page_policy(max_bytes: int) -> ContentPolicy:
    return ContentPolicy(
        accept="text/html, application/xhtml+xml;q=0.9",
        types=re.compile(r"text/html|application/xhtml\+xml"),
        examined=re.compile(_SAYING_NOTHING),
        sniff=_HTML,
        max_bytes=max_bytes,
        follows_refresh=True,
    )


_TEXT_DOCUMENT = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<[?!]?[a-z-]|\{)|^[^\x00-\x08]*<\?xml", re.I)


def document_policy(max_bytes: int) -> ContentPolicy:
    """HTML is accepted: some feeds are labelled as HTML, and so are the error messages of some
    APIs, which the source must read to recognise them."""
    return ContentPolicy(
        accept="application/rss+xml, application/atom+xml, application/json, */*;q=0.5",
        types=re.compile(r"text/[\w.+-]+|application/(?:[\w.-]+\+)?(?:xml|json)|application/rdf|"),
        examined=re.compile(r"(?!image/|audio/|video/|font/).*"),
        sniff=_TEXT_DOCUMENT,
        max_bytes=max_bytes,
    )


MAX_ROBOTS_BYTES = 500 * 1024
"""RFC 9309, section 2.5: at least this much is read. A longer file counts up to here."""


def robots_policy() -> ContentPolicy:
    return ContentPolicy(
        accept="text/plain, */*;q=0.5",
        types=re.compile(r".*"),
        examined=re.compile(r".*"),
        sniff=re.compile(rb""),
        max_bytes=MAX_ROBOTS_BYTES,
        truncate=True,
    )


MAX_DRAINED_BYTES = 16_384
DRAIN_SECONDS = 2.0
"""A new connection takes less."""

PIECES_AT_ONCE = 200
"""Pieces of a body that are taken before other work of the event loop has its turn."""


async def read_body(response: httpx.Response, policy: ContentPolicy) -> bytes:
    """The decompressed body. Raises PermanentFailure or TransientFailure."""
    decoder = decoder_for(response.headers.get("content-encoding", ""))
    body = bytearray()
    received = pieces = 0
    try:
        async for data in _raw_chunks(response):
            received += len(data)
            pieces += 1
            if pieces % PIECES_AT_ONCE == 0:
                await asyncio.sleep(0)
            for chunk in decoder.decode(data):
                body += chunk
                if len(body) > policy.max_bytes:
                    return _over_limit(body, policy)
            if received > policy.max_bytes:  # bytes after the end of the compressed data
                return _over_limit(body, policy)
    except DECODING_ERRORS as error:
        raise PermanentFailure(
            Reason.UNSUPPORTED_CONTENT, "The page's compression is broken."
        ) from error
    if not decoder.finished and not (body and _says_its_end(response)):
        raise TransientFailure(
            Reason.CONNECTION_FAILED, "The page ended too early.", momentary=True
        )
    return bytes(body)


def _says_its_end(response: httpx.Response) -> bool:
    """Whether a body that came whole is known to be whole: then its server has cut it, or left out
    the end of its compression, and asking again would give the same."""
    is_http2 = response.extensions.get("http_version") == b"HTTP/2"
    headers = response.headers
    return is_http2 or "content-length" in headers or "transfer-encoding" in headers


def _over_limit(body: bytearray, policy: ContentPolicy) -> bytes:
    if policy.truncate:
        return bytes(body[: policy.max_bytes])
    raise too_large(policy)


def too_large(policy: ContentPolicy) -> PermanentFailure:
    return PermanentFailure(
        Reason.TOO_LARGE, f"The page is larger than {policy.max_bytes:,} bytes."
    )


async def drain(response: httpx.Response) -> None:
    """Reads and discards a short body, so that its connection can be reused."""
    # A 304 has no body, and may announce the length of the document that it confirms.
    length = 0 if response.status_code == 304 else announced_length(response)
    if length is not None and length > MAX_DRAINED_BYTES:
        return
    received = 0
    # Over HTTP/2, many short bodies come without a length.
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for data in _raw_chunks(response):
                received += len(data)
                if received > MAX_DRAINED_BYTES:
                    return


def announced_length(response: httpx.Response) -> int | None:
    """The body's length as sent, by Content-Length; None where that is missing or no number."""
    length: str = response.headers.get("content-length", "")
    return int(length[:18]) if length.isascii() and length.isdigit() else None


def _raw_chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as sent: httpx's own methods decompress it, or can be called only once."""
    return aiter(cast(httpx.AsyncByteStream, response.stream))
