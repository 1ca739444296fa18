"""A summary is the lead and the sentence that covers most of the title, in the text's order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.text.summary import MAX_CHARS, lead_summary
from nlp.text.words import TokenizedText

FIRST = "The council opened the bridge on Monday."
SECOND = "It had been closed for two years."
THIRD = "Repairs cost nine million in all."


def summary(title: str, text: str) -> str:
    return lead_summary(title, TokenizedText(text))


def test_three_short_sentences_are_kept_in_order() -> None:
    text = f"{FIRST} {SECOND} {THIRD} A fourth one that is left out."
    assert summary("Bridge", text) == f"{FIRST} {SECOND} {THIRD}"


def test_two_long_sentences_are_enough() -> None:
    long = "It was closed " + "for very good reasons " * 6 + "as the council says."
    assert summary("Bridge", f"{FIRST} {long} {THIRD}") == f"{FIRST} {long}"


def test_the_second_sentence_covers_more_of_the_title_than_skipped_ones() -> None:
    long = "Many people came " + "from far away places " * 6 + "to see it."
    covering = "The turbine and the archive " + "were looked at as well " * 5 + "that day."
    assert (
        summary("A turbine for the archive", f"{FIRST} {long} {covering}") == f"{FIRST} {covering}"
    )


def test_headings_bylines_and_the_repeated_title_are_skipped() -> None:
    text = f"Bridge is open after two years.\nBy Jo Doe\nLONDON\n{FIRST} {SECOND}"
    assert summary("Bridge is open after two years", text) == f"{FIRST} {SECOND}"


@pytest.mark.parametrize(
    "prompt",
    [
        "Subscribe to our letter of the day.",
        "Photo: a bridge in the rain.",
        "Updated at 5:45 p.m. on Monday.",
        "Click here for all of this.",
        "| Span | 40 m | steel | grey. |",
        "and so it goes on for ever.",
    ],
)
def test_lines_that_are_not_sentences_are_skipped(prompt: str) -> None:
    assert summary("", f"{prompt}\n{FIRST}") == FIRST


@pytest.mark.parametrize(
    "dateline",
    ["LONDON (Reuters) - ", "WASHINGTON — ", "SANTA FE, N.M. (AP) — ", "CLEVELAND, Ohio – "],
)
def test_a_dateline_is_removed(dateline: str) -> None:
    assert summary("", dateline + FIRST) == FIRST


@pytest.mark.parametrize(
    "sentence", ["A bridge - at last - is open.", "Dr. Doe - who left - opened it."]
)
def test_text_before_a_dash_that_is_not_a_dateline_is_kept(sentence: str) -> None:
    assert summary("", sentence) == sentence


def test_a_sentence_split_by_a_line_break_is_joined_again() -> None:
    assert summary("", "The council opened\nthe bridge on Monday.") == FIRST


def test_sentences_that_do_not_fit_are_left_out_whole() -> None:
    long = "It " + "really " * 55 + "matters."
    assert summary("", f"{FIRST} {long} {long}") == f"{FIRST} {long}"


def test_a_first_sentence_beyond_the_limit_is_cut_at_a_word() -> None:
    cut = summary("", "considerably " * 50 + "ends.")
    assert len(cut) <= MAX_CHARS
    assert cut.endswith("considerably…")


def test_a_text_of_fragments_still_has_a_summary() -> None:
    assert summary("T", "one two\nthree") == "one two three"


def test_no_text_has_no_summary() -> None:
    assert summary("T", " \n") == ""


@given(st.text(max_size=2000), st.text(max_size=60))
def test_no_summary_is_beyond_the_limit(text: str, title: str) -> None:
    assert len(summary(title, text)) <= MAX_CHARS
