"""Content negotiation: JSON or pages (`Accept`), unchanged content (`If-None-Match`), long polls
(`Prefer: wait=N`).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import ClientException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import HeaderParameter
from litestar.types import Message, Scope
from msgspec import Struct

from app.http.compression import is_compressible

HTML = "text/html"
JSON = "application/json"

JSON_ONLY = {"media_types": (JSON,)}
JSON_OR_PAGE = {"media_types": (JSON, HTML)}
PAGE_ONLY = {"media_types": (HTML,)}
"""The `opt` of handlers: what they can answer with. JSON comes first where both will do. Handlers
with none of these answer whatever `Accept` says: probes, static files, forms, the schema."""

MAX_WAIT_SECONDS = 60
"""A longer wait is shortened to this; `Preference-Applied` says so."""

MAX_WAITING_BYTES = 64_000
"""Of the body of a request that may wait; a larger one is answered at once."""

ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')

PREFERENCE = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*"?)+')
"""One element of a `Prefer` header. A comma inside a quoted string does not end it."""

WAIT = re.compile(r"\s*wait\s*(?:$|[=;])", re.IGNORECASE)

WAIT_SECONDS = re.compile(
    r'\s*wait\s*=\s*(?P<quote>"?)(?P<seconds>[0-9]+)(?P=quote)\s*(?:;.*)?', re.IGNORECASE
)


MEDIA_RANGE = re.compile(r"\s*(?P<type>[^\s/;]+)/(?P<subtype>[^\s/;]+)\s*(?P<parameters>;.*)?")
QUALITY = re.compile(r";\s*q\s*=\s*(?P<quality>[^\s;]*)", re.IGNORECASE)


class NotAcceptable(ClientException):
    """The client takes no media type in which this can be sent."""

    status_code = 406


class MediaRange(Struct, frozen=True):
    """One element of an `Accept` header."""

    type: str
    subtype: str
    quality: float
    """From 0, never, to 1."""

    def specificity(self, media_type: str) -> int | None:
        """How closely this names the media type: 2 by its name, 0 as anything, None not at all."""
        type_, _, subtype = media_type.partition("/")
        if (self.type, self.subtype) == (type_, subtype):
            return 2
        if (self.type, self.subtype) == (type_, "*"):
            return 1
        return 0 if (self.type, self.subtype) == ("*", "*") else None


async def require_acceptable(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """A guard of the application: nothing is done whose answer the client does not take."""
    offers = handler.opt.get("media_types")
    if offers and best_match(connection.headers.getall("accept", []), offers) is None:
        raise NotAcceptable(detail=f"This is available as {' or '.join(offers)}; change `Accept`.")


def prefers_page(request: Request[Any, Any, Any], *, otherwise: str = JSON) -> bool:
    """Whether the client prefers HTML to JSON and to `otherwise`. `*/*` alone gets no HTML."""
    offers = dict.fromkeys((otherwise, JSON, HTML))
    return best_match(request.headers.getall("accept", []), tuple(offers)) == HTML


def best_match(accept: Sequence[str], offers: Sequence[str]) -> str | None:
    """The offer that these `Accept` headers prefer (RFC 9110 §12.5.1); None if they exclude all.

    Of equal qualities, a type that is named wins over one that a wildcard covers, then the one that
    is named first, then the first offer. A header without any valid element accepts everything.
    """
    ranges = [each for part in ",".join(accept).split(",") if (each := _media_range(part))]
    if not ranges:
        return offers[0]
    best, best_preference = None, (0.0, 0, 0)
    for offer in offers:
        matching = [
            (specificity, each.quality, -place)
            for place, each in enumerate(ranges)
            if (specificity := each.specificity(offer)) is not None
        ]
        specificity, quality, place = max(matching, default=(0, 0.0, 0))
        if quality > 0 and (best is None or (quality, specificity, place) > best_preference):
            best, best_preference = offer, (quality, specificity, place)
    return best


def _media_range(text: str) -> MediaRange | None:
    """None for what is none. Parameters of the media type are ignored."""
    match_ = MEDIA_RANGE.fullmatch(text)
    if match_ is None:
        return None
    given = QUALITY.search(match_["parameters"] or "")
    try:
        quality = float(given["quality"]) if given else 1.0
    except ValueError:
        return None
    if math.isnan(quality):
        return None
    return MediaRange(
        match_["type"].lower(), match_["subtype"].lower(), min(max(quality, 0.0), 1.0)
    )


def conditional(
    request: Request[Any, Any, Any], content: msgspec.Struct | bytes, **headers: str
) -> Response[Any]:
    """The content as JSON, or 304 if the client has it already."""
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    etag = entity_tag(body)
    unchanged = matches(request.headers.get("if-none-match"), etag)
    return Response(
        None if unchanged else body,
        status_code=304 if unchanged else 200,
        media_type=MediaType.JSON,
        headers={"ETag": etag, "Cache-Control": "no-cache", **headers},
    )


def entity_tag(body: bytes) -> str:
    """Weak, as the same bytes may be sent with an encoding or without."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this already. A weak comparison, as RFC 9110 §13.1.2 asks."""
    if if_none_match is None:
        return False
    tags = ENTITY_TAG.findall(if_none_match)
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in tags


async def complete_vary(message: Message, scope: Scope) -> None:
    """A hook of `before_send`: names what the response depends on, for caches between."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    names = dict.fromkeys(filter(None, re.split(r"[\s,]+", headers.get("vary", ""))))
    handler = scope.get("route_handler")
    # An error is a problem document or a page.
    if message["status"] >= 400 or len(handler.opt.get("media_types", ()) if handler else ()) > 1:
        names.setdefault("Accept")
    if is_compressible(message):
        names.setdefault("Accept-Encoding")
    if names:
        headers["vary"] = ", ".join(names)


def preferred_wait(
    request: Request[Any, Any, Any],
    prefer: Annotated[
        str | None,
        HeaderParameter(
            name="Prefer",
            description=(
                f"`wait=N`: wait up to N seconds, at most {MAX_WAIT_SECONDS}, for the result. "
                "`Preference-Applied` says for how long. A request of more than "
                f"{MAX_WAITING_BYTES // 1000} kB does not wait."
            ),
        ),
    ] = None,
) -> int | None:
    """A dependency: the seconds to wait; None where the client does not ask for it, or sends more
    than should be kept in memory for so long."""
    size = int(request.headers.get("content-length", 0))
    if size > MAX_WAITING_BYTES or "transfer-encoding" in request.headers:
        return None
    return parse_wait(request.headers.getall("prefer", []))


def parse_wait(headers: list[str]) -> int | None:
    """The seconds of the first `wait`. A preference that cannot be met is ignored (RFC 7240 §2)."""
    for preference in PREFERENCE.findall(",".join(headers)):
        if WAIT.match(preference):
            wait = WAIT_SECONDS.fullmatch(preference)
            return min(int(wait["seconds"][:9]), MAX_WAIT_SECONDS) if wait else None
    return None
