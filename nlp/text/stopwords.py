"""The words that say nothing of what a text is about, language by language."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

DATA = Path(__file__).parents[1] / "data" / "stopwords.toml"

SHORT = 3
"""Letters up to which a word of a language without a list is taken for one of these."""

_SAME_LANGUAGE = {"nn": "nb", "no": "nb"}


class Stopwords(Struct, frozen=True, kw_only=True):
    """The function words of one language, case-folded."""

    delimiters: frozenset[str] = frozenset()
    """They end a run of telling words."""
    titles: frozenset[str] = frozenset()
    """They end it even where they have a capital, as "CEO" before a name."""
    weak: frozenset[str] = frozenset()
    """They may stand in a keyword, but are none alone."""
    shortest: int = 2
    """Letters that a telling word has at least."""


def stopwords(language: str | None) -> Stopwords:
    """Those of an ISO 639-1 code; English for None, and short words where there is no list."""
    code = language or "en"
    return _lists().get(_SAME_LANGUAGE.get(code, code), Stopwords(shortest=SHORT + 1))


@lru_cache(maxsize=1)
def _lists() -> dict[str, Stopwords]:
    """What the data file says, which tells how the lists were made."""
    return {
        code: Stopwords(
            delimiters=frozenset(lists["delimiters"].split()),
            titles=frozenset(lists.get("titles", "").split()),
            weak=frozenset(lists.get("weak", "").split()),
        )
        for code, lists in tomllib.loads(DATA.read_text("utf-8")).items()
    }
