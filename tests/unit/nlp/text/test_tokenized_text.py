"""A tokenized text is split once, as the functions for words and sentences split it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlp.text.words import TokenizedText, sentences, stems, words

TEXTS = st.lists(
    st.sampled_from(["The", "bank's", "rates", "rose.", "Dr.", "don’t", "新しい", "\n"]),
    max_size=60,
).map(" ".join)


@given(TEXTS)
def test_a_tokenized_text_equals_the_plain_functions(text: str) -> None:
    tokenized = TokenizedText(text)
    assert tokenized.sentences == tuple(sentences(text))
    assert tokenized.words == tuple(words(text))
    assert tokenized.stems == tuple(stems(words(text)))
    assert len(tokenized.sentence_words) == len(tokenized.sentences)


def test_a_text_is_split_once() -> None:
    tokenized = TokenizedText("The bank met. It left.")
    assert tokenized.sentences is tokenized.sentences
    assert tokenized.words is tokenized.words
