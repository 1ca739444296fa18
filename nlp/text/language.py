"""Detects the language of a text, and says whether scores made for English apply to it."""

from __future__ import annotations

from threading import Lock

import py3langid

from nlp.neutral import Unmeasurable

MIN_LETTERS = 60
"""With fewer the result is close to random."""

READ_CHARS = 3000
"""Read of a text: more does not change the result."""

_LOADING = Lock()
"""Without it, threads that start together would each load the model."""


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of the language of `text`, or None where it is too short.

    By py3langid, the maintained fork of langid.py (Lui and Baldwin, ACL 2012), whose model
    is included in its package.
    """
    beginning = text[:READ_CHARS]
    if sum(map(str.isalpha, beginning)) < MIN_LETTERS:
        return None
    with _LOADING:
        code, _log_probability = py3langid.classify(beginning)
    return str(code)


def warm_up() -> None:
    """Load the model now, which takes 0.9 s, rather than with the first article."""
    with _LOADING:
        py3langid.classify("Loaded.")


def require_english(language: str | None) -> None:
    """Raises `Unmeasurable` where scores made for English do not apply."""
    if not is_english(language):
        raise Unmeasurable(f"Made for English, and the text is in {language!r}.")


def is_english(language: str | None) -> bool:
    """Whether scores made for English apply; an unknown language is taken for English."""
    return language in ("en", None)
