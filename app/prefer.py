"""`Prefer: wait=N` (RFC 7240): a client that would rather wait for the result than ask for it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from litestar import Request
from litestar.params import HeaderParameter

from tasks.errors import InvalidRequest

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
