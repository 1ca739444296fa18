"""Syllables are counted as spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.scores.style import syllables

COUNTED = {
    1: "the make makes asked whole house strength year years three school don't friend does hour",
    2: "about again over people table wanted houses being safely something lion quiet poet didn't "
    "million region nation social business maybe royal create fuel movement ancient",
    3: "government idea area radio museum everything history continue employee theory "
    "scientist beginning obvious serious usual",
    4: "information political society variety experience January especially evaluate situation",
    5: "university administration international investigation",
}


@pytest.mark.parametrize(
    ("word", "count"),
    [(word.casefold(), count) for count, listed in COUNTED.items() for word in listed.split()],
)
def test_words_counted_by_hand(word: str, count: int) -> None:
    assert syllables(word) == count


def test_a_possessive_counts_as_its_word() -> None:
    assert syllables("china's") == syllables("china") == 2


@given(st.text(max_size=70))
def test_every_word_has_one_at_least(word: str) -> None:
    assert 1 <= syllables(word) <= max(1, len(word))
