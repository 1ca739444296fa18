"""Detects the language of a text, and says whether scores made for English apply to it."""

from __future__ import annotations

import re
from threading import Lock

import py3langid

from nlp.neutral import Unmeasurable
from nlp.text.words import IDEOGRAPHS, MARKS

MIN_LETTERS = 60
"""With fewer the result is close to random. Signs for vowels count, and a letter of a script that
needs few letters for a word counts three times."""

READ_CHARS = 3000
"""Read of a text: more does not change the result."""

_TWO_LETTERS = {
    "ary": "ar", "arz": "ar", "fuv": "ff", "grc": "el", "gug": "gn", "hbo": "he", "kik": "ki",
    "ltg": "lv", "sdh": "ku", "uzs": "uz", "wuu": "zh", "yue": "zh",
}  # fmt: skip
"""py3langid also tells apart varieties without an ISO 639-1 code, as pointed Hebrew."""

_NO_LANGUAGE = "zxx"
_SIGNS = re.compile(f"[{MARKS}]")
_DENSE = re.compile(rf"[{IDEOGRAPHS}\u05d0-\u05ea\u0620-\u06ff\uac00-\ud7a3]")
"""Ideographs, syllables of Korean, and Hebrew and Arabic, which leave out short vowels."""


_LOADING = Lock()
"""Without it, threads that start together would each load the model."""


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of the language of `text`; None where it is too short or in no language.

    By py3langid, the maintained fork of langid.py (Lui and Baldwin, ACL 2012), whose model
    is included in its package. Of a language without such a code, the most similar that has one.
    """
    beginning = text[:READ_CHARS]
    if _letters(beginning) < MIN_LETTERS:
        return None
    with _LOADING:
        ranked = py3langid.rank(beginning)
    if ranked[0][0] == _NO_LANGUAGE:
        return None
    codes = (_TWO_LETTERS.get(code, str(code)) for code, _ in ranked)
    return next(code for code in codes if len(code) == 2)


def _letters(text: str) -> int:
    letters = sum(map(str.isalpha, text))
    if letters < MIN_LETTERS:
        letters += len(_SIGNS.findall(text)) + 2 * len(_DENSE.findall(text))
    return letters


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
