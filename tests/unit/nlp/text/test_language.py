"""The language of a text is detected where it is long enough."""

from __future__ import annotations

from nlp.text.language import is_english, language_of
from tests.unit.nlp.samples import prose


def test_languages_are_detected() -> None:
    german = "Die Regierung hat am Montag angekündigt, dass sie das Gesetz noch ändern will."
    assert language_of(prose(1)) == "en"
    assert language_of(german) == "de"


def test_a_short_text_has_no_language() -> None:
    assert language_of("Hello there. 12345") is None
    assert is_english(None)
