"""From the bytes of a page to its characters, whatever its headers claim."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

LAST_RESORT = "cp1252"
"""What browsers assume of an undeclared Western page."""

SAMPLE_BYTES = 20_000
"""How much of a page is shown to the detector."""

AS_GOOD = 0.01
"""Guesses whose measures differ by less are equally good."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The labels that the WHATWG Encoding Standard reads as a larger set than they name.
_LABELS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
# What the web still has beside UTF-8; without the limit the detector offers EBCDIC and MacRoman.
_DETECTABLE = [
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp932", "euc_jp", "gb18030", "big5", "cp949",
]  # fmt: skip
_HEADER_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_TAG = re.compile(rb"<[^<>]*>")


def decode(body: bytes, content_type: str | None = None) -> str:
    """The characters of `body`; never raises.

    In this order: byte order mark; UTF-8 where the bytes are that, whatever is declared, for
    other text is next to never valid UTF-8; the charset of `content_type`; that of a meta
    element; charset_normalizer's guess; cp1252 with U+FFFD for what it lacks.
    """
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body.decode(codec, "replace")
    declared = _declared(body, content_type)
    text = _escape_coded(body, declared) or _utf8(body)
    if text is not None:
        return text
    for codec in declared:
        text = _strict(body, codec)
        if text is not None:
            return text
    return body.decode(_guessed(body), "replace")


def _declared(body: bytes, content_type: str | None) -> list[str]:
    header = _HEADER_CHARSET.search(content_type or "")
    meta = _META_CHARSET.search(body[:4096])
    labels = [
        *([header.group(1)] if header else []),
        *([meta.group(1).decode("ascii", "replace")] if meta else []),
    ]
    return [codec for label in labels if (codec := _codec(label)) and codec != "utf-8"]


def _codec(label: str) -> str | None:
    try:
        info = codecs.lookup(label.strip())
        "".encode(info.name)  # raises for the codecs that are not of text, such as zlib
    except (LookupError, ValueError):
        return None
    return _LABELS.get(info.name, info.name)


def _escape_coded(body: bytes, declared: list[str]) -> str | None:
    """ISO-2022-JP and UTF-16, whose bytes may look like valid UTF-8."""
    for codec in declared:
        if (codec.startswith("iso2022") and b"\x1b" in body) or (
            codec.startswith("utf-16") and b"\x00" in body
        ):
            return _strict(body, codec)
    return None


def _utf8(body: bytes) -> str | None:
    """UTF-8, also with a few broken characters, as in a page that was cut off."""
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if broken == 0:
        return text
    sound = len(text) - broken - sum(map(str.isascii, text))
    return text if broken * 4 <= sound else None


def _strict(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except (UnicodeError, LookupError):
        return None


def _guessed(body: bytes) -> str:
    spoken = b"\n".join(piece for piece in _TAG.split(body) if not piece.isascii())
    guesses = from_bytes(spoken[:SAMPLE_BYTES], cp_isolation=_DETECTABLE)
    best = guesses.best()
    if best is None:
        return LAST_RESORT
    # Western text makes as much sense in cp1250 as in cp1252: then it is the commoner one.
    western = any(
        LAST_RESORT in guess.could_be_from_charset
        and guess.chaos <= best.chaos + AS_GOOD
        and guess.coherence >= best.coherence - AS_GOOD
        for guess in guesses
    )
    return LAST_RESORT if western else best.encoding
