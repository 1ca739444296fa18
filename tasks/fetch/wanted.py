"""What a fetch is for: which content it accepts, and how much of it."""

from __future__ import annotations

import re

from msgspec import Struct

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
