"""How a value stands in Redis: compressed where that pays, and with a digest.

The digest covers the key too, so a value that was damaged, cut off or put under another key is
known for that, and is a miss.
"""

from __future__ import annotations

import hashlib
import zlib

DIGEST_BYTES = 16

LEVEL = 1
"""Of zlib: 170 KB of HTML become 40 KB in 1.1 ms, and with level 6 34 KB in 2.9 ms (the means of
120 real articles' pages). Reading takes 0.5 ms with either."""

MOST_EXPANDED = 64 * 2**20
"""Bytes. Ours are far smaller; whoever else writes to Redis shall not fill our memory."""

_PLAIN, _ZLIB = b"p", b"z"


def seal(key: str, value: bytes) -> bytes:
    packed = zlib.compress(value, LEVEL)
    content = _ZLIB + packed if len(packed) < len(value) else _PLAIN + value
    return _digest(key, content) + content


def unseal(key: str, sealed: bytes) -> bytes | None:
    """The value; None if this is not what was sealed under the key."""
    digest, content = sealed[:DIGEST_BYTES], sealed[DIGEST_BYTES:]
    if digest != _digest(key, content):
        return None
    kind, packed = content[:1], content[1:]
    return packed if kind == _PLAIN else _expanded(packed)


def _expanded(packed: bytes) -> bytes | None:
    unpacking = zlib.decompressobj()
    try:
        value = unpacking.decompress(packed, MOST_EXPANDED)
    except zlib.error:
        return None
    return value if unpacking.eof else None


def _digest(key: str, content: bytes) -> bytes:
    hashed = hashlib.blake2b(key.encode(), digest_size=DIGEST_BYTES)
    hashed.update(b"\0")
    hashed.update(content)
    return hashed.digest()
