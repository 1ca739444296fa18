"""Taking turns, so that no list crowds out the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TypeVar

T = TypeVar("T")

_NOTHING = object()


def interleaved(lists: Iterable[Sequence[T]]) -> Iterator[T]:
    """The first of each list, then the second of each, and so on."""
    for row in zip_longest(*lists, fillvalue=_NOTHING):
        yield from (item for item in row if item is not _NOTHING)  # type: ignore[misc]
