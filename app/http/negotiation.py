"""Content negotiation: pages or JSON (`Accept`), unchanged content (`If-None-Match`), long polls
(`Prefer: wait=N`).
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.params import HeaderParameter

HTML = "text/html"
JSON = "application/json"

MAX_WAIT_SECONDS = 60
"""A longer wait is shortened to this; `Preference-Applied` says so."""

ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')

PREFERENCE = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*"?)+')
"""One element of a `Prefer` header. A comma inside a quoted string does not end it."""

WAIT = re.compile(r"\s*wait\s*(?:$|[=;])", re.IGNORECASE)

WAIT_SECONDS = re.compile(
    r'\s*wait\s*=\s*(?P<quote>"?)(?P<seconds>[0-9]+)(?P=quote)\s*(?:;.*)?', re.IGNORECASE
)


def prefers_page(request: Request[Any, Any, Any], *, otherwise: str) -> bool:
    """Whether `Accept` names HTML before data. `*/*` alone gets data of the type `otherwise`."""
    return _best_match(request, [otherwise, JSON, HTML]) == HTML


def prefers_data(request: Request[Any, Any, Any]) -> bool:
    """Whether `Accept` names JSON before HTML. `*/*` alone gets the page."""
    return _best_match(request, [HTML, JSON]) == JSON


def conditional(request: Request[Any, Any, Any], content: msgspec.Struct) -> Response[Any]:
    """The content as JSON, or 304 if the client has it already."""
    body = msgspec.json.encode(content)
    etag = strong_etag(body)
    unchanged = matches(request.headers.get("if-none-match"), etag)
    return Response(
        None if unchanged else body,
        status_code=304 if unchanged else 200,
        media_type=MediaType.JSON,
        headers={"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept"},
    )


def strong_etag(body: bytes) -> str:
    """Strong, as it is a digest of the very bytes that are sent."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this already. A weak comparison, as RFC 9110 §13.1.2 asks."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in ENTITY_TAG.findall(if_none_match)


def preferred_wait(
    request: Request[Any, Any, Any],
    prefer: Annotated[
        str | None,
        HeaderParameter(
            name="Prefer",
            description=(
                f"`wait=N`: wait up to N seconds, at most {MAX_WAIT_SECONDS}, for the result. "
                "`Preference-Applied` says for how long."
            ),
        ),
    ] = None,
) -> int | None:
    """A dependency: the seconds to wait; None where the client does not ask for it."""
    return parse_wait(request.headers.getall("prefer", []))


def parse_wait(headers: list[str]) -> int | None:
    """The seconds of the first `wait`. A preference that cannot be met is ignored (RFC 7240 §2)."""
    for preference in PREFERENCE.findall(",".join(headers)):
        if WAIT.match(preference):
            wait = WAIT_SECONDS.fullmatch(preference)
            return min(int(wait["seconds"][:9]), MAX_WAIT_SECONDS) if wait else None
    return None


def _best_match(request: Request[Any, Any, Any], media_types: list[str]) -> str | None:
    """Without any preference of the client, the first of these."""
    try:
        return request.accept.best_match(media_types)
    except OverflowError:  # Litestar cannot convert `q=1e999`
        return media_types[0]
