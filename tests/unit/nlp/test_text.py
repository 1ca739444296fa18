"""A text is cut once, and as each score would cut it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlp.text.words import TokenizedText, sentences, stems, words

TEXTS = st.lists(
    st.sampled_from(["The", "bank's", "rates", "rose.", "Dr.", "don’t", "新しい", "\n"]),
    max_size=60,
).map(" ".join)


@given(TEXTS)
def test_the_cuts_are_those_of_the_text(text: str) -> None:
    read = TokenizedText(text)
    assert read.sentences == tuple(sentences(text))
    assert read.words == tuple(words(text))
    assert read.stems == tuple(stems(words(text)))
    assert len(read.sentence_words) == len(read.sentences)


def test_a_text_is_cut_once() -> None:
    read = TokenizedText("The bank met. It left.")
    assert read.sentences is read.sentences
    assert read.words is read.words
