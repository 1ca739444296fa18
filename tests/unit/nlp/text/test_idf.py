"""The idf of a word follows its rank in the vocabulary."""

from __future__ import annotations

from itertools import pairwise

from nlp.text.idf import idf, is_known


def test_frequent_words_have_a_lower_idf_than_rare_ones() -> None:
    ranked = ["the", "people", "government", "methane", "zyxwv"]
    assert all(idf(commoner) < idf(rarer) for commoner, rarer in pairwise(ranked))
    assert idf("the") < 0.001
    assert idf("zyxwv") < 8


def test_a_word_with_a_hyphen_has_the_idf_of_its_rarest_part() -> None:
    assert idf("anti-methane") == idf("methane")


def test_accents_are_removed_as_in_the_vocabulary() -> None:
    assert not is_known("café")
    assert idf("café") == idf("cafe")
