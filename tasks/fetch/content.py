"""What a fetch is for: which content it accepts, and how much of it."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Protocol, cast

import httpx
from msgspec import Struct

from tasks.errors import PermanentFailure, Reason, TransientFailure

_HTML = re.compile(rb"<\s*(?:!doctype\s+html|html|head|body|title|article)\b", re.IGNORECASE)

SNIFFED_BYTES = 2_000


class Wanted(Struct, frozen=True, kw_only=True):
    """One kind of document."""

    accept: str
    """The `Accept` header."""
    types: re.Pattern[str]
    """The media types that are read."""
    sniff: re.Pattern[bytes] | None = None
    """What the beginning of a body without a type must hold; None: anything will do."""
    max_bytes: int
    """Decompressed."""
    truncate: bool = False
    """Whether a longer body is cut there, or refused."""

    def accepts(self, content_type: str | None) -> bool:
        """Whether the body is worth reading. One without a type is looked at first."""
        media_type = (content_type or "").partition(";")[0].strip().lower()
        return not media_type or self.types.fullmatch(media_type) is not None

    def recognises(self, content_type: str | None, body: bytes) -> bool:
        """Whether the body is what it should be, as far as its beginning tells."""
        if content_type or self.sniff is None:
            return True
        return self.sniff.search(body[:SNIFFED_BYTES]) is not None


def wanted_page(max_bytes: int) -> Wanted:
    return Wanted(
        accept="text/html, application/xhtml+xml;q=0.9",
        types=re.compile(r"text/html|application/xhtml\+xml"),
        sniff=_HTML,
        max_bytes=max_bytes,
    )


def wanted_document(max_bytes: int) -> Wanted:
    """HTML is let through: some feeds are called that, and so are the error texts of some APIs,
    which the source has to read to know."""
    return Wanted(
        accept="application/rss+xml, application/atom+xml, application/json, */*;q=0.5",
        types=re.compile(r"text/[\w.+-]+|application/(?:[\w.-]+\+)?(?:xml|json)|application/rdf"),
        max_bytes=max_bytes,
    )


def wanted_robots() -> Wanted:
    """RFC 9309 asks for at least 500 KiB, and for what was read of more."""
    return Wanted(
        accept="text/plain, */*;q=0.5",
        types=re.compile(r".*"),
        max_bytes=500 * 1024,
        truncate=True,
    )


ACCEPT_ENCODING = "gzip, deflate"
"""Only what zlib can undo piece by piece."""

PIECE_BYTES = 65_536

MAX_DRAINED_BYTES = 16_384


class Decoder(Protocol):
    def decode(self, data: bytes) -> Iterator[bytes]:
        """What these bytes stand for, in pieces of at most PIECE_BYTES. Raises zlib.error."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the body may end here."""
        ...


class Identity:
    """A body that was sent as it is."""

    finished = True

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield data


class Inflate:
    """A body in gzip or deflate."""

    def __init__(self, *, raw_allowed: bool) -> None:
        self._raw_allowed = raw_allowed
        """`deflate` is sent in two forms: with zlib's header, as it should be, and without."""
        self._head = b""
        self._zlib: zlib._Decompress | None = None

    @property
    def finished(self) -> bool:
        return self._zlib.eof if self._zlib else not self._head

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._zlib is None:
            self._head += data
            if len(self._head) < 2:
                return
            self._zlib = zlib.decompressobj(self._window(self._head))
            data = self._head
        while data and not self._zlib.eof:
            piece = self._zlib.decompress(data, PIECE_BYTES)
            data = self._zlib.unconsumed_tail
            if piece:
                yield piece

    def _window(self, head: bytes) -> int:
        if not self._raw_allowed:
            return zlib.MAX_WBITS | 16
        has_header = head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
        return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


async def read_body(response: httpx.Response, wanted: Wanted) -> bytes:
    """The decompressed body. Raises PermanentFailure or TransientFailure."""
    decoder = decoder_for(response.headers.get("content-encoding", ""))
    body = bytearray()
    received = 0
    try:
        async for data in _sent(response):
            received += len(data)
            for piece in decoder.decode(data):
                body += piece
                if len(body) > wanted.max_bytes:
                    return _over_long(body, wanted)
            if received > wanted.max_bytes:  # bytes behind the end of what was compressed
                return _over_long(body, wanted)
    except zlib.error as error:
        raise PermanentFailure(
            Reason.UNSUPPORTED_CONTENT, "The page's compression is broken."
        ) from error
    if not decoder.finished:
        raise TransientFailure(Reason.CONNECTION_FAILED, "The page ended too early.")
    return bytes(body)


async def drain(response: httpx.Response) -> None:
    """Reads a short answer that nobody wants, so that its connection can be kept."""
    # A 304 has no body, and may announce that of the document which it speaks of.
    length = 0 if response.status_code == 304 else announced(response)
    if length is None or length > MAX_DRAINED_BYTES:
        return
    with suppress(httpx.HTTPError):
        async for _ in _sent(response):
            pass


def announced(response: httpx.Response) -> int | None:
    """The bytes that the answer says it has, compressed or not; None where it does not say."""
    length: str = response.headers.get("content-length", "")
    return int(length[:18]) if length.isascii() and length.isdigit() else None


def _sent(response: httpx.Response) -> AsyncIterator[bytes]:
    """The bytes as they were sent: httpx's own ways to them decompress, or read only once."""
    return aiter(cast(httpx.AsyncByteStream, response.stream))


def decoder_for(encoding: str) -> Decoder:
    """For the value of `Content-Encoding`. Raises PermanentFailure for one we did not ask for."""
    match encoding.strip().lower():
        case "" | "identity":
            return Identity()
        case "gzip" | "x-gzip":
            return Inflate(raw_allowed=False)
        case "deflate":
            return Inflate(raw_allowed=True)
    raise PermanentFailure(
        Reason.UNSUPPORTED_CONTENT, "The page is compressed in a way that we did not ask for."
    )


def _over_long(body: bytearray, wanted: Wanted) -> bytes:
    if wanted.truncate:
        return bytes(body[: wanted.max_bytes])
    raise too_large(wanted)


def too_large(wanted: Wanted) -> PermanentFailure:
    return PermanentFailure(
        Reason.TOO_LARGE, f"The page is larger than {wanted.max_bytes:,} bytes."
    )
