"""Search results in JSON, read as leniently as programs write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec

from nlp.article import Page
from tasks.errors import Reason, StepError, TransientFailure
from tasks.sources.refusal import refusal

T = TypeVar("T")

MAX_RECORDS_READ = 5_000
"""More than any service brings. An answer of 5 MB may hold two million broken ones, and reading all
would take the loop 1.2 s instead of 0.14."""


def json_answer(page: Page, kind: type[T], service: str, *, retry_after: float | None = None) -> T:
    """The answer as `kind`. Raises PermanentFailure or TransientFailure where it is no such thing.

    `retry_after` is what the service is known to ask for where it speaks of too many requests.
    """
    text = page.body.decode("utf-8", errors="replace").lstrip("\ufeff").strip()
    if not text.startswith("{"):
        raise refusal(service, text, retry_after=retry_after)
    try:
        # Not strict: titles come with line breaks that JSON does not allow.
        return msgspec.convert(json.loads(text, strict=False), kind)
    except (ValueError, RecursionError) as error:
        raise broken_promise(service) from error


def broken_promise(service: str) -> StepError:
    """For JSON that is not whole, or another than documented."""
    return TransientFailure(
        Reason.SERVER_ERROR, f"{service}'s answer is not the JSON that it promises."
    )


def fitting(records: Iterable[Any], kind: type[T]) -> Iterator[T]:
    """Those of the records that are a `kind`: one that is broken costs no other."""
    for record in islice(records, MAX_RECORDS_READ):
        try:
            yield msgspec.convert(record, kind)
        except msgspec.ValidationError:
            continue
