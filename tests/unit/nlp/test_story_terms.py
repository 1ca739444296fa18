"""The words and names by which reports of one event are recognised."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlp.similarity.story_terms import (
    DIMENSION,
    READ_WORDS,
    TERM,
    Terms,
    story_names,
    story_words,
    term_rows,
)


def hashes(terms: Terms) -> set[int]:
    return set(terms["hash"].tolist())


def rows_of(*texts: str) -> np.ndarray:
    return term_rows([story_words("", text).tobytes() for text in texts])


def test_stop_words_are_no_terms_and_one_stem_is_one_term() -> None:
    assert len(story_words("", "it is what they have been")) == 0
    terms = story_words("Turbines", "A turbine in Osk, a TURBINE for 38")
    assert sorted(terms["count"].tolist()) == [1, 1, 3]


def test_names_are_words_with_a_capital_that_only_begin_no_sentence() -> None:
    names = story_names("", "Rain fell. Centrel blamed rain in Brannock. Osk was dry on 8 May.")
    expected = story_names("", "x Centrel Brannock Osk May")
    assert hashes(names) == hashes(expected)


def test_a_word_that_begins_a_sentence_is_a_name_unless_it_also_occurs_in_lower_case() -> None:
    assert len(story_names("", "Storm hits. The storm is over.")) == len(story_names("", "The x"))


def test_the_title_counts_and_what_comes_late_does_not() -> None:
    assert len(story_names("Brannock", "")) == 1
    long = "turbine " * READ_WORDS
    assert hashes(story_words("", long + "Brannock")) == hashes(story_words("", long))


def test_a_script_without_capitals_has_words_and_no_names() -> None:
    assert len(story_names("地震", "印度尼西亚 发生 地震")) == 0
    assert len(story_words("地震", "印度尼西亚 发生 地震")) > 0


@given(st.text(max_size=400), st.text(max_size=60))
def test_any_text_has_terms_that_can_be_stored_and_read(text: str, title: str) -> None:
    for terms in (story_words(title, text), story_names(title, text)):
        stored = terms.tobytes()
        assert len(stored) == len(terms) * TERM.itemsize
        row = term_rows([stored])
        assert row.shape == (1, DIMENSION)
        assert np.isfinite(row).all()


def test_rare_words_bring_rows_together_and_common_ones_do_not() -> None:
    rows = rows_of(
        "Centrel Brannock year people", "Brannock Centrel time state", "Osk year people", ""
    )
    assert rows[0] @ rows[1] > 0.5
    assert abs(rows[0] @ rows[2]) < 0.4
    assert np.linalg.norm(rows, axis=1).round(3).tolist() == [1, 1, 1, 0]
    assert rows_of().shape == (0, DIMENSION)


def test_two_articles_are_as_near_in_a_job_of_ten_as_in_one_of_a_thousand() -> None:
    pair = ("Centrel lost two lines in Brannock to a fire", "Fire cut the lines of Centrel")
    others = [f"The council of Osk met on day {n} about house {n * 7}" for n in range(1000)]
    small, large = rows_of(*pair, *others[:8]), rows_of(*pair, *others)
    assert abs(small[0] @ small[1] - large[0] @ large[1]) < 0.1
