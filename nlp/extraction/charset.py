"""Decodes the bytes of a page, also where its headers are wrong about the charset."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

FALLBACK = "cp1252"
"""What browsers assume for a Western page without a declared charset."""

SAMPLE_BYTES = 20_000
"""How much of a page the detector reads."""

TOLERANCE = 0.01
"""Guesses whose chaos and coherence differ by no more are equally good."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Labels that the WHATWG Encoding Standard maps to a superset of the charset that they name.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
# Used on the web beside UTF-8. Without this list the detector suggests EBCDIC and MacRoman too.
_DETECTABLE = [
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp932", "euc_jp", "gb18030", "big5", "cp949",
]  # fmt: skip
_HEADER_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_TAG = re.compile(rb"<[^<>]*>")


def decode(body: bytes, content_type: str | None = None) -> str:
    """The characters of `body`; never raises.

    By the first of these that applies: the byte order mark; a declared charset whose text looks
    like ASCII, such as ISO-2022-JP or UTF-16; UTF-8 where the bytes are valid but for a few, even
    if something else is declared, because text in another charset is almost never valid UTF-8; the
    charset of `content_type`; that of a meta element; the guess of charset_normalizer; cp1252, with
    U+FFFD for bytes that it does not define.
    """
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body.decode(codec, "replace")
    declared = _declared(body, content_type)
    text = _as_declared_lookalike(body, declared) or _as_utf8(body)
    if text is not None:
        return text
    for codec in declared:
        text = _decoded_strictly(body, codec)
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
        "".encode(info.name)  # raises for a codec that does not decode to text, such as zlib
    except (LookupError, ValueError):
        return None
    return _SUPERSETS.get(info.name, info.name)


def _as_declared_lookalike(body: bytes, declared: list[str]) -> str | None:
    """ISO-2022-JP or UTF-16 if declared and plausible: their bytes may be valid UTF-8 too."""
    for codec in declared:
        if (codec.startswith("iso2022") and b"\x1b" in body) or (
            codec.startswith("utf-16") and b"\x00" in body
        ):
            return _decoded_strictly(body, codec)
    return None


def _as_utf8(body: bytes) -> str | None:
    """UTF-8, also with a few broken characters, as in a page that was cut off."""
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if broken == 0:
        return text
    valid = len(text) - broken - sum(map(str.isascii, text))
    return text if broken * 4 <= valid else None


def _decoded_strictly(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except (UnicodeError, LookupError):
        return None


def _guessed(body: bytes) -> str:
    sample = b"\n".join(piece for piece in _TAG.split(body) if not piece.isascii())
    guesses = from_bytes(sample[:SAMPLE_BYTES], cp_isolation=_DETECTABLE)
    best = guesses.best()
    if best is None:
        return FALLBACK
    # Western text makes as much sense in cp1250 as in cp1252: the more common one is taken.
    western = any(
        FALLBACK in guess.could_be_from_charset
        and guess.chaos <= best.chaos + TOLERANCE
        and guess.coherence >= best.coherence - TOLERANCE
        for guess in guesses
    )
    return FALLBACK if western else best.encoding
