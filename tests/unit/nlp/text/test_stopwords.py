"""The lists of stop words are consistent."""

from __future__ import annotations

from nlp.text.stopwords import stopwords


def test_no_word_is_in_two_lists() -> None:
    english = stopwords("en")
    assert not english.delimiters & english.weak
    assert not english.titles & (english.delimiters | english.weak)


def test_norwegian_has_one_list_under_its_three_codes() -> None:
    assert stopwords("no") == stopwords("nb") == stopwords("nn")
    assert stopwords("no").delimiters
