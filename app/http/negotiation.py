"""Whether a client would rather have a page or data."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.params import HeaderParameter

from tasks.errors import InvalidRequest

HTML = "text/html"


def prefers_page(request: Request[Any, Any, Any], *, otherwise: str) -> bool:
    """Whether `Accept` names HTML before data. `*/*` alone gets data of the type `otherwise`."""
    return request.accept.best_match([otherwise, "application/json", HTML]) == HTML


def prefers_data(request: Request[Any, Any, Any]) -> bool:
    """Whether `Accept` names JSON before HTML. `*/*` alone gets the page."""
    return request.accept.best_match([HTML, "application/json"]) == "application/json"


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


LONGEST_WAIT = 60
"""Seconds. More is taken as a wish for as long as there is: `Preference-Applied` says how long."""

WAIT = re.compile(r"wait\s*(?:=\s*(?P<seconds>.*))?", re.IGNORECASE)


def preferred_wait(
    request: Request[Any, Any, Any],
    prefer: Annotated[
        str | None,
        HeaderParameter(
            name="Prefer",
            description=(
                f"`wait=N`: wait up to N seconds, at most {LONGEST_WAIT}, for the result. "
                "`Preference-Applied` tells that it was done."
            ),
        ),
    ] = None,
) -> int | None:
    """A dependency: the seconds to wait; None where the client does not ask for it."""
    return read_wait(request.headers.getall("prefer", []))


def read_wait(headers: list[str]) -> int | None:
    """Of several, the first counts; other preferences are none of ours (RFC 7240 §2).

    Raises InvalidRequest for what is no number of seconds.
    """
    for preference in ",".join(headers).split(","):
        if found := WAIT.fullmatch(preference.partition(";")[0].strip()):
            return _seconds(found["seconds"] or "")
    return None


def _seconds(text: str) -> int:
    digits = text.strip().strip('"')
    if not re.fullmatch("[0-9]+", digits):
        raise InvalidRequest("Prefer: wait must be a whole number of seconds, such as wait=10.")
    return min(int(digits[:9]), LONGEST_WAIT)
