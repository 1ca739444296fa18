"""Heads of HTTP/1 responses as servers write them, made such that a strict parser reads them.

A line of PHP's own warnings between the headers, a name with a space, an empty Content-Length:
browsers pass over such lines. h11 refuses the whole response, and no part of httpcore would let us
change that, so the bytes are changed before it sees them.
"""

from __future__ import annotations

import re

MAX_HEAD_BYTES = 100_000
"""A longer head is passed on as it is, and refused by httpcore, whose limit it is."""

MAX_LINES = 500
"""Lines beyond that are dropped. Real responses have fewer than a hundred."""

_START = b"HTTP/"
_END = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/[0-9](?:\.[0-9])?[ \t]+([0-9]{3})(?![0-9])")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = bytes(byte for byte in (*range(0x20), 0x7F) if byte != 0x09)
_TO_SPACES = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))


class HeadMender:
    """Passes on the bytes of one connection, with the head of each response mended.

    A connection that does not speak HTTP/1 is passed on unchanged. Informational responses (1xx)
    are left out: nothing here uses them, and a site may send thousands.
    """

    def __init__(self) -> None:
        self._pending: bytearray | None = bytearray()
        """The beginning of a head; None while anything else is received."""
        self._searched = 0
        """How much of it holds no end."""
        self._is_http1 = True

    def request_sent(self) -> None:
        """The next bytes begin a response."""
        if self._is_http1 and self._pending is None:
            self._pending, self._searched = bytearray(), 0

    def feed(self, data: bytes) -> bytes:
        """What can be passed on now; empty while a head is incomplete."""
        while self._pending is not None:
            self._pending += data
            if not self._may_be_http1():
                self._is_http1 = False
                return self.flush()
            end = _END.search(self._pending, self._searched)
            if end is None:
                self._searched = max(0, len(self._pending) - 3)
                return self.flush() if len(self._pending) > MAX_HEAD_BYTES else b""
            head, data = bytes(self._pending[: end.start()]), bytes(self._pending[end.end() :])
            self._searched = 0
            if _is_informational(head):
                self._pending = bytearray()
            else:
                self._pending = None
                return mended_head(head) + data
        return data

    def flush(self) -> bytes:
        """What has been held back, as it is."""
        rest = bytes(self._pending or b"")
        self._pending = None
        return rest

    def _may_be_http1(self) -> bool:
        """By the beginning, without the empty lines that some servers send before it."""
        pending = self._pending or bytearray()
        if pending.startswith((b"\r", b"\n")):
            del pending[: len(pending) - len(pending.lstrip(b"\r\n"))]
        return _START.startswith(bytes(pending[: len(_START)]))


def mended_head(head: bytes) -> bytes:
    """The head, without its end, with nothing that a strict parser refuses."""
    status_line, *lines = head.split(b"\n", MAX_LINES + 1)[: MAX_LINES + 1]
    status = _STATUS_LINE.match(status_line)
    if status:
        # Without the reason, in which anything may stand.
        version = b"HTTP/1.0 " if status_line.startswith(b"HTTP/1.0") else b"HTTP/1.1 "
        status_line = version + status[1]
    kept = [status_line.rstrip(b"\r")]
    is_kept = False
    for line in lines:
        if line[:1] in (b" ", b"\t"):  # continues the line before
            if is_kept:
                kept[-1] += b" " + _value(line)
            continue
        header = _mended_line(line)
        is_kept = header is not None and header not in kept
        if header is not None and is_kept:
            kept.append(header)
    return b"\r\n".join(kept) + b"\r\n\r\n"


def _mended_line(line: bytes) -> bytes | None:
    """None for a line that says nothing that can be understood."""
    name, colon, value = line.partition(b":")
    name, value = name.rstrip(), _value(value)
    if not colon or not _NAME.fullmatch(name):
        return None
    match name.lower():
        case b"content-length" if not value.replace(b",", b"").replace(b" ", b"").isdigit():
            return None
        case b"transfer-encoding" if value.lower() in (b"", b"identity", b"none"):
            return None
    return name + b": " + value


def _value(text: bytes) -> bytes:
    return text.translate(_TO_SPACES).strip()


def _is_informational(head: bytes) -> bool:
    status = _STATUS_LINE.match(head)
    return status is not None and status[1].startswith(b"1") and status[1] != b"101"
