"""Pages that are broken in the ways in which pages on the web are, and in some more."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

LONGEST = 5_000_000
"""Bytes of a mutated page, as much as the fetcher lets through."""

_TAG = re.compile(rb"<[^<>]{1,200}>")
_CODECS = ("utf-16", "cp1252", "cp1251", "cp932", "gb18030", "iso2022_jp")
_NESTED = (b"<div>", b"<b>", b"<ul><li>", b"<table><tr><td>", b"<span><a href=/x/y>")
_SPITE = (
    b"<", b"<!--", b"-->", b"<![CDATA[", b"<script>", b"</script>", b"<plaintext>", b"<textarea>",
    b"&#0;", b"&#x110000;", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b'"', b"<frameset>", b"</body>",
)  # fmt: skip


def mutated(pages: Sequence[bytes], rng: random.Random) -> bytes:
    """One of `pages` after one to three mutations; others of them may be spliced in."""
    body = rng.choice(pages)
    for _ in range(rng.randint(1, 3)):
        body = rng.choice(MUTATIONS)(body, pages, rng)
    return body[:LONGEST]


def _truncated(body: bytes, _pages: Sequence[bytes], rng: random.Random) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


def _flipped(body: bytes, _pages: Sequence[bytes], rng: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(min(len(changed), rng.choice((1, 20, 500)))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _spliced(body: bytes, pages: Sequence[bytes], rng: random.Random) -> bytes:
    other = rng.choice(pages)
    return body[: rng.randrange(len(body) + 1)] + other[rng.randrange(len(other) + 1) :]


def _repeated(body: bytes, _pages: Sequence[bytes], rng: random.Random) -> bytes:
    start = rng.randrange(len(body) + 1)
    block = body[start : start + rng.choice((20, 500, 20_000))]
    return body[:start] + block * rng.choice((2, 10, 100)) + body[start:]


def _unclosed(body: bytes, _pages: Sequence[bytes], rng: random.Random) -> bytes:
    share = rng.choice((0.02, 0.3, 1.0))
    return re.sub(rb"</\w+>", lambda tag: b"" if rng.random() < share else tag.group(), body)


def _shuffled_tags(body: bytes, _pages: Sequence[bytes], rng: random.Random) -> bytes:
    tags = _TAG.findall(body) or [b"<p>"]
    return _TAG.sub(lambda tag: rng.choice(tags) if rng.random() < 0.05 else tag.group(), body)


def _recoded(body: bytes, _pages: Sequence[bytes], rng: random.Random) -> bytes:
    return body.decode("utf-8", "replace").encode(rng.choice(_CODECS), "replace")


def _nested(body: bytes, _pages: Sequence[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(body) + 1)
    return body[:at] + rng.choice(_NESTED) * rng.choice((10, 300, 5_000)) + body[at:]


def _spited(body: bytes, _pages: Sequence[bytes], rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 5, 50))):
        at = rng.randrange(len(body) + 1)
        body = body[:at] + rng.choice(_SPITE) + body[at:]
    return body


MUTATIONS: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    _truncated, _flipped, _spliced, _repeated, _unclosed, _shuffled_tags, _recoded, _nested,
    _spited,
)  # fmt: skip
