"""How services are asked: the words of a topic, and the URL of a search."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

RECENT_DAYS = 90
"""How far back we search where a service would else bring what was best in all years."""

_OPERATORS = frozenset('"():<>')


def search_url(base_url: str, parameters: Mapping[str, str]) -> str:
    """The service's URL, which may have parameters of its own, with these."""
    return f"{base_url}{'&' if '?' in base_url else '?'}{urlencode(parameters)}"


def phrase(topic: str) -> str:
    """The topic as one phrase, in quotes where it has several words.

    Without signs that services take for operators, which would be errors in it.
    """
    words = "".join(" " if char in _OPERATORS else char for char in topic).split()
    cleaned = " ".join(word.lstrip("-+") for word in words)
    return f'"{cleaned}"' if " " in cleaned or "-" in cleaned else cleaned


def first_recent_day(now: float) -> int:
    """The day from which we search, in days since the epoch; `now` in seconds.

    Whole days, so that a search has the same URL all day and can be answered from a cache.
    """
    return int(now // 86_400) - RECENT_DAYS
