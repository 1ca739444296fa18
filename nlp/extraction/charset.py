"""Decodes the bytes of a page or a feed, also where its headers are wrong about the charset."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from charset_normalizer import from_bytes

FALLBACK = "cp1252"
"""What browsers assume for a Western page without a declared charset."""

SAMPLE_BYTES = 20_000
"""How much of a page the detector reads."""

DECLARING_BYTES = 16_384
"""The beginning of a page, in which it declares its charset."""

TOLERANCE = 0.01
"""Guesses whose chaos and coherence differ by no more are equally good."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF16_STARTS = (
    (re.compile(rb"\s?<\x00[!?a-zA-Z]\x00"), "utf-16-le"),
    (re.compile(rb"\x00<\x00[!?a-zA-Z]"), "utf-16-be"),
)
"""How markup without a byte order mark begins (XML 1.0, appendix F)."""
# Labels that the WHATWG Encoding Standard maps to a superset of the charset that they name.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_LABELS = {
    "csgb2312": "gb18030", "gb_2312": "gb18030", "gb_2312-80": "gb18030",
    "cn-big5": "big5hkscs",
    "cseucpkdfmtjapanese": "euc_jp", "windows-31j": "cp932",
    "cseuckr": "cp949", "csksc56011987": "cp949", "iso-ir-149": "cp949",
    "ks_c_5601-1989": "cp949", "ksc_5601": "cp949",
    "csiso88596e": "iso8859-6", "csiso88596i": "iso8859-6", "sun_eu_greek": "iso8859-7",
    "csiso88598e": "iso8859-8", "csiso88598i": "iso8859-8", "visual": "iso8859-8",
    "logical": "iso8859-8", "csisolatin9": "iso8859-15",
    "koi": "koi8-r", "koi8": "koi8-r", "koi8-ru": "koi8-u",
    "csmacintosh": "mac-roman", "mac": "mac-roman", "mac-ukrainian": "mac-cyrillic",
    "unicode-1-1-utf-8": "utf-8", "unicode11utf8": "utf-8", "unicode20utf8": "utf-8",
    "utf8mb4": "utf-8",
    "unicodefffe": "utf-16-be", "csunicode": "utf-16-le", "iso-10646-ucs-2": "utf-16-le",
    "ucs-2": "utf-16-le", "unicode": "utf-16-le", "unicodefeff": "utf-16-le",
}  # fmt: skip
"""Labels of the Encoding Standard that Python does not know, beside those of `_RESPELLED`."""
_RESPELLED = (
    (re.compile(r"(?:x-)+"), ""),
    (re.compile(r"(?:windows|win|dos|cp)[-_]?(?=\d{3,5}$)"), "cp"),
    (re.compile(r"iso[-_]?8859[-_]?(\d{1,2})(?:-[ei])?$"), r"iso8859-\1"),
)
_EXTENSIONS = frozenset({"euc_jp", "big5hkscs", "gb18030"})
"""Codecs that lack characters which browsers show: see `_extended`."""
# Used on the web beside UTF-8. Without this list the detector suggests EBCDIC and MacRoman too.
_DETECTABLE = [
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp932", "euc_jp", "gb18030", "big5", "cp949",
]  # fmt: skip
_HEADER_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_XML_CHARSET = re.compile(rb"\s{0,20}<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)")
_TAG = re.compile(rb"<[^<>]*>")
_REPLACED = "\ufffd"


def decode(body: bytes, content_type: str | None = None) -> str:
    """The characters of `body`; never raises. U+FFFD stands for bytes that mean nothing.

    By the first of these that applies: the byte order mark, or markup that can only be UTF-16; a
    declared charset whose text looks like ASCII, such as ISO-2022-JP; UTF-8 where the bytes are
    valid but for a few, even if something else is declared, because text in another charset is
    almost never valid UTF-8; the charset of `content_type`; that of the XML declaration or of a
    meta element; the guess of charset_normalizer; cp1252. A few bytes that do not fit a declared
    charset do not show that it is wrong: they are stray, or lost their other half.
    """
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body.decode(codec, "replace")
    for start, codec in _UTF16_STARTS:
        if start.match(body):
            return body.decode(codec, "replace")
    declared = _declared(body, content_type)
    text = _as_declared_lookalike(body, declared) or _as_utf8(body, is_declared="utf-8" in declared)
    if text is not None:
        return text
    for codec in declared:
        if codec != "utf-8" and not codec.startswith("utf-16"):
            text = _as_declared(body, codec)
            if text is not None:
                return text
    return body.decode(_guessed(body), "replace")


def _declared(body: bytes, content_type: str | None) -> list[str]:
    """The codecs of the declared charsets that we know, in the order in which they count."""
    head = body[:DECLARING_BYTES]
    header = _HEADER_CHARSET.search(content_type or "")
    in_body = [_XML_CHARSET.match(head), _META_CHARSET.search(head)]
    labels = [
        *([header.group(1)] if header else []),
        *(match.group(1).decode("ascii", "replace") for match in in_body if match),
    ]
    codecs_ = [codec for label in labels if (codec := _codec(label))]
    # In a header, the Western charset is the default of many servers, whatever the page is.
    return codecs_[1:] + codecs_[:1] if header and codecs_[:1] == [FALLBACK] else codecs_


def _codec(label: str) -> str | None:
    """Python's codec for a label of the Encoding Standard, or one much like it."""
    name = label.strip().lower()
    for wrong, right in _RESPELLED:
        name = wrong.sub(right, name) if wrong.match(name) else name
    try:
        info = codecs.lookup(_LABELS.get(name, name))
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
            return _as_declared(body, codec)
    return None


def _as_utf8(body: bytes, *, is_declared: bool) -> str | None:
    """UTF-8, also with a few broken characters, as in a page that was cut off."""
    text = body.decode("utf-8", "replace")
    broken = text.count(_REPLACED)
    if broken == 0:
        return text
    # In text of another charset, hardly any pair of bytes is UTF-8.
    needed = 1 if is_declared else 4
    return text if broken * needed <= _non_ascii(text) - broken else None


def _as_declared(body: bytes, codec: str) -> str | None:
    """None where so much does not fit that something else must have been written."""
    try:
        text = body.decode(codec, "replace")
    except (UnicodeError, LookupError):
        return None
    broken = text.count(_REPLACED)
    if codec in _EXTENSIONS and 0 < broken <= _non_ascii(text) / 2:
        text = body.decode(codec, _EXTEND)
        broken = text.count(_REPLACED)
    return text if broken * 2 <= max(_non_ascii(text) - broken, 1) else None


def _non_ascii(text: str) -> int:
    return len(text) - sum(map(str.isascii, text))


def _extended(error: UnicodeError) -> tuple[str, int]:
    """An error handler of codecs, with the characters that browsers know beside those of Python."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    pair = error.object[error.start : error.start + 2]
    if error.encoding == "gb18030" and pair[0] == _EURO_OF_GBK:
        return "€", error.start + 1
    char = _extension(error.encoding, pair)
    return (char, error.start + 2) if char else (_REPLACED, error.end)


_EURO_OF_GBK = 0x80


@lru_cache(maxsize=16_384)
def _extension(codec: str, pair: bytes) -> str:
    """Row 13 of NEC in EUC-JP, and the whole of cp950 in Big5; empty for other pairs."""
    char = ""
    if codec == "euc_jp" and len(pair) == 2 and min(pair) > 0xA0:
        char = _shift_jis(pair).decode("cp932", "ignore")
    elif codec == "big5hkscs" and pair[0] > 0x80:
        char = pair.decode("cp950", "ignore")
    return char if len(char) == 1 else ""


_EXTEND = "curator.extend"
codecs.register_error(_EXTEND, _extended)


def _shift_jis(pair: bytes) -> bytes:
    """The same place of JIS X 0208, as its two bytes in EUC-JP, in Shift_JIS."""
    row, cell = pair[0] - 0xA0, pair[1] - 0xA0
    first = (row - 1) // 2 + (0x81 if row <= 62 else 0xC1)
    second = cell + (0x9E if row % 2 == 0 else 0x3F if cell < 64 else 0x40)
    return bytes((first, second))


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
