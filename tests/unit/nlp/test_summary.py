"""A summary is the lead, in its own words and order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlp.summary import MAX_CHARS, lead_summary

FIRST = "The council opened the bridge on Monday."
SECOND = "It had been closed for two years."
THIRD = "Repairs cost nine million in all."


def test_the_first_three_sentences_in_their_order() -> None:
    text = f"{FIRST} {SECOND} {THIRD} A fourth one that is left out."
    assert lead_summary("Bridge", text) == f"{FIRST} {SECOND} {THIRD}"


def test_headings_bylines_and_the_repeated_title_are_passed_over() -> None:
    text = f"Bridge is open after two years.\nBy Jo Doe\nLONDON\n{FIRST} {SECOND}"
    assert lead_summary("Bridge is open after two years", text) == f"{FIRST} {SECOND}"


def test_sentences_that_do_not_fit_are_left_out_whole() -> None:
    long = "It " + "really " * 55 + "matters."
    assert lead_summary("", f"{FIRST} {long} {long}") == f"{FIRST} {long}"


def test_a_first_sentence_beyond_the_limit_is_cut_at_a_word() -> None:
    summary = lead_summary("", "considerably " * 50 + "ends.")
    assert len(summary) <= MAX_CHARS
    assert summary.endswith("considerably…")


def test_a_text_of_fragments_still_has_a_summary() -> None:
    assert lead_summary("T", "one two\nthree") == "one two three"


@given(st.text(max_size=2000))
def test_no_summary_is_beyond_the_limit(text: str) -> None:
    assert len(lead_summary("A title", text)) <= MAX_CHARS
