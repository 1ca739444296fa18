"""Which content a fetch accepts, and the reading of a body within its size limit.

A `ContentPolicy` states the media types and the size limit of one kind of document. `read_body`
decompresses a body piece by piece, so that a small compressed body cannot fill the memory.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Protocol, cast

import httpx
from msgspec import Struct

from tasks.errors import PermanentFailure, Reason, TransientFailure

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


def media_type_of(content_type: str | None) -> str:
    """The media type in lower case; empty where there is none.

    The last one of several, as browsers have it: servers repeat the header with a better value.
    """
    values = (content_type or "")[:MAX_CONTENT_TYPE_CHARS].lower().split(",")
    types = [value.partition(";")[0].strip() for value in values]
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


ACCEPT_ENCODING = "gzip, deflate"
"""Only encodings that zlib can decompress piece by piece."""

CHUNK_BYTES = 65_536

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
    except zlib.error as error:
        raise PermanentFailure(
            Reason.UNSUPPORTED_CONTENT, "The page's compression is broken."
        ) from error
    if not decoder.finished:
        raise TransientFailure(Reason.CONNECTION_FAILED, "The page ended too early.")
    return bytes(body)


class Decoder(Protocol):
    def decode(self, data: bytes) -> Iterator[bytes]:
        """The decoded form of these bytes, in chunks of at most CHUNK_BYTES. Raises zlib.error."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the body may end here."""
        ...


_NOT_COMPRESSED = frozenset({"", "identity", "none", "utf-8", "utf8", "binary", "8bit", "7bit"})
"""Values of `Content-Encoding` that name no compression; all but `identity` by mistake."""


def decoder_for(encoding: str) -> Decoder:
    """For a value of `Content-Encoding`. Raises PermanentFailure for one we did not ask for."""
    codings = [coding.strip().lower() for coding in encoding.split(",")]
    match [coding for coding in codings if coding not in _NOT_COMPRESSED]:
        case []:
            return IdentityDecoder()
        case ["gzip" | "x-gzip"]:
            return LenientDecoder(GzipDecoder())
        case ["deflate"]:
            return LenientDecoder(DeflateDecoder())
    raise PermanentFailure(
        Reason.UNSUPPORTED_CONTENT, "The page is compressed in a way that we did not ask for."
    )


class IdentityDecoder:
    """A body that was sent uncompressed."""

    finished = True

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield data


_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
"""Bytes that occur in no text, by the standard for MIME sniffing of the WHATWG."""


MAX_UNDECODED_BYTES = 65_536
"""What is kept to tell a plain text from a compressed one."""


class LenientDecoder:
    """Passes on a text that its server has labelled as compressed without compressing it.

    Such a text fails to decompress, nearly always before the first byte of output.
    """

    def __init__(self, strict: Decoder) -> None:
        self._strict: Decoder | None = strict
        """None once the body is known to be text."""
        self._undecoded: bytes | None = b""
        """What has come before the first output; None after that."""

    @property
    def finished(self) -> bool:
        return self._strict is None or self._strict.finished

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._strict is None:
            yield data
            return
        if self._undecoded is not None:
            # Bounded: a body may come byte by byte, and begin with megabytes of header.
            fits = len(self._undecoded) + len(data) <= MAX_UNDECODED_BYTES
            self._undecoded = self._undecoded + data if fits else None
        try:
            for chunk in self._strict.decode(data):
                self._undecoded = None
                yield chunk
        except zlib.error:
            if self._undecoded is None or _BINARY.search(self._undecoded):
                raise
            self._strict = None
            yield self._undecoded


class DeflateDecoder:
    """A body in `deflate`, with zlib's header as the standard demands, or without one.

    Bytes after the end of the compressed data are ignored.
    """

    def __init__(self) -> None:
        self._head = b""
        self._inflate: zlib._Decompress | None = None

    @property
    def finished(self) -> bool:
        return self._inflate.eof if self._inflate else not self._head

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            self._head += data
            if len(self._head) < 2:
                return
            self._inflate = zlib.decompressobj(_deflate_window(self._head))
            data = self._head
        yield from _inflated(self._inflate, data)


def _deflate_window(head: bytes) -> int:
    has_header = head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


_GZIP_MAGIC = b"\x1f\x8b"


class GzipDecoder:
    """A body in `gzip`: one member or several, whose contents are joined (RFC 1952, section 2.2).

    Bytes after the last member are ignored.
    """

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_WINDOW)
        self._started = False
        self._between_members = b""
        """After a member: the byte that may begin the next one."""
        self._ended = False
        """Whether something other than a member has followed the last one."""

    @property
    def finished(self) -> bool:
        return self._inflate.eof or not self._started

    def decode(self, data: bytes) -> Iterator[bytes]:
        # In slices: zlib copies what follows a member, and a body can have 50,000 members in 1 MB.
        for start in range(0, len(data), _SLICE_BYTES):
            yield from self._decode(data[start : start + _SLICE_BYTES])

    def _decode(self, data: bytes) -> Iterator[bytes]:
        while data and not self._ended:
            if self._inflate.eof:
                data = self._between_members + data
                if len(data) < len(_GZIP_MAGIC):
                    self._between_members = data
                    return
                self._between_members = b""
                if not data.startswith(_GZIP_MAGIC):
                    self._ended = True
                    return
                self._inflate = zlib.decompressobj(_GZIP_WINDOW)
            self._started = True
            yield from _inflated(self._inflate, data)
            data = self._inflate.unused_data


_SLICE_BYTES = 4_096

_GZIP_WINDOW = zlib.MAX_WBITS | 16


def _inflated(inflate: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """All output that these bytes complete. zlib can hold output when it has taken all its input:
    a full chunk means that there may be more."""
    while not inflate.eof:
        chunk = inflate.decompress(data, CHUNK_BYTES)
        data = inflate.unconsumed_tail
        if chunk:
            yield chunk
        if not data and len(chunk) < CHUNK_BYTES:
            return


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
