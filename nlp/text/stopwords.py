"""Stop words, language by language: words that do not say what a text is about."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

DATA = Path(__file__).parents[1] / "data" / "stopwords.toml"

MIN_LETTERS_WITHOUT_LIST = 4
"""In a language without a list, shorter words are taken for stop words."""

_SAME_LANGUAGE = {"nn": "nb", "no": "nb"}


class Stopwords(Struct, frozen=True, kw_only=True):
    """The stop words of one language, case-folded."""

    delimiters: frozenset[str] = frozenset()
    """They end a phrase."""
    titles: frozenset[str] = frozenset()
    """They end a phrase even where they are capitalised, as "CEO" before a name."""
    weak: frozenset[str] = frozenset()
    """They may be part of a keyword but not a keyword alone."""
    min_letters: int = 2
    """Shorter words are stop words too."""


def stopwords(language: str | None) -> Stopwords:
    """Those of an ISO 639-1 code; English for None; only short words where there is no list."""
    code = language or "en"
    return _lists().get(
        _SAME_LANGUAGE.get(code, code), Stopwords(min_letters=MIN_LETTERS_WITHOUT_LIST)
    )


@lru_cache(maxsize=1)
def _lists() -> dict[str, Stopwords]:
    """The lists of the data file, whose header says how they were made."""
    return {
        code: Stopwords(
            delimiters=frozenset(lists["delimiters"].split()),
            titles=frozenset(lists.get("titles", "").split()),
            weak=frozenset(lists.get("weak", "").split()),
        )
        for code, lists in tomllib.loads(DATA.read_text("utf-8")).items()
    }
