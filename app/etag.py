"""Entity tags: the same bytes, the same tag (RFC 9110 §8.8.3)."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec
from litestar import MediaType, Request, Response

TAG = re.compile(r'(?:W/)?("[^"]*")')


def strong_etag(body: bytes) -> str:
    """Strong, as it is made of the very bytes that are sent."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this already. Compared weakly, as RFC 9110 §13.1.2 asks."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in TAG.findall(if_none_match)


def conditional(request: Request[Any, Any, Any], content: msgspec.Struct) -> Response[Any]:
    """This as JSON, or 304 if the client has it already."""
    body = msgspec.json.encode(content)
    etag = strong_etag(body)
    known = matches(request.headers.get("if-none-match"), etag)
    return Response(
        None if known else body,
        status_code=304 if known else 200,
        media_type=MediaType.JSON,
        headers={"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept"},
    )
