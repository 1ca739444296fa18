"""The decoding of compressed bodies, in pieces: a small body cannot fill the memory.

Servers label bodies carelessly, and browsers forgive that: so does this. Only `zstd` is unknown:
Python has no decoder for it before 3.14. It is sent to those who ask for it, and we do not.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli

from tasks.errors import PermanentFailure, Reason

ACCEPT_ENCODING = "gzip, deflate"
"""Not `br`: it costs more time, and pages are short."""

CHUNK_BYTES = 65_536

DECODING_ERRORS = (zlib.error, brotli.error)
"""What decoders raise for a body that is broken."""


class Decoder(Protocol):
    def decode(self, data: bytes) -> Iterator[bytes]:
        """The decoded form of these bytes, in chunks of about CHUNK_BYTES at most.

        Raises one of DECODING_ERRORS.
        """
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
    # One that is named twice was applied once: the header was added twice.
    match list(dict.fromkeys(coding for coding in codings if coding not in _NOT_COMPRESSED)):
        case []:
            return IdentityDecoder()
        case ["gzip" | "x-gzip"]:
            return LenientDecoder(GzipDecoder())
        case ["deflate"]:
            return LenientDecoder(DeflateDecoder())
        case ["br"]:
            return LenientDecoder(BrotliDecoder())
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
        except DECODING_ERRORS:
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


class BrotliDecoder:
    """A body in `br`, which some servers send whether it was asked for or not."""

    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()
        self._started = False

    @property
    def finished(self) -> bool:
        return self._decompressor.is_finished() or not self._started

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data or not self._decompressor.can_accept_more_data():
            if self._decompressor.is_finished():
                return
            self._started = True
            chunk = self._decompressor.process(data, output_buffer_limit=CHUNK_BYTES)
            data = b""
            if chunk:
                yield chunk
