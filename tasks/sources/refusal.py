"""What it means that a service answered with something else than what it promises."""

from __future__ import annotations

import re

from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.sources.candidates import plain_text

MAX_QUOTED_CHARS = 200

MAX_LOOKED_AT = 2_000
"""Characters of an answer; that many say what it is."""

_IMPATIENT = re.compile(
    r"limit requests|rate.{0,3}(limit|exceed)|too many requests|throttl|slow down", re.IGNORECASE
)


def refusal(service: str, text: str, *, retry_after: float | None = None) -> StepError:
    """Why there are no results, by what stands in their place.

    Plain text is a service's own word, and is quoted; a page is some machine's on the way to it.
    `retry_after` is what the service is known to ask for where it speaks of too many requests.
    """
    said = " ".join(text[:MAX_LOOKED_AT].split())
    if _IMPATIENT.search(said):
        return TransientFailure(
            Reason.SERVER_ERROR, f"{service} asks for fewer requests.", retry_after=retry_after
        )
    if not said or said.startswith("<"):
        return TransientFailure(Reason.SERVER_ERROR, f"{service} answered with no result.")
    return PermanentFailure(
        Reason.HTTP_ERROR, f"{service} refused the search: {said[:MAX_QUOTED_CHARS]}"
    )


def complaint(service: str, message: object, *, passing: bool) -> StepError:
    """A mistake that a service tells in its own format; `passing` where it is not ours."""
    said = plain_text(message, MAX_QUOTED_CHARS) or "it does not say why"
    if passing:
        return TransientFailure(
            Reason.SERVER_ERROR, f"{service} cannot search at the moment: {said}"
        )
    return PermanentFailure(Reason.HTTP_ERROR, f"{service} refused the search: {said}")
