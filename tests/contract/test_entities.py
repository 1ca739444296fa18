"""Names by the real model, decoded as spaCy itself decodes them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
import spacy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlp.scores import greedy_decoder
from nlp.scores.entities import MODEL_PACKAGE, UNUSED_PIPES, SpacyRecognizer
from nlp.scores.greedy_decoder import GreedyDecoder, can_decode
from tests.sampleweb.catalogue import SampleArticle, articles

NAMES = "Bank America European Central Nations Anna Lindqvist NASA Saint-Denis Berlin's Größe"
OTHERS = "the of in and said on Monday Dr 3 March 2026 $ 40 million % . , – 北京 م \U0001f600"
TOKENS = st.sampled_from([*NAMES.split(), *OTHERS.split(), "\n", "\t", "\u00a0"])
"""For names that are long, stand side by side, are cut by white space or end a text."""


@lru_cache(maxsize=1)
def model() -> Any:
    return spacy.load(MODEL_PACKAGE, exclude=UNUSED_PIPES)


@lru_cache(maxsize=1)
def decoder() -> GreedyDecoder:
    return GreedyDecoder(model().get_pipe("ner"))


def spans_by_spacy(text: str) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.label_) for span in model()(text).ents]


def spans_by_us(text: str) -> list[tuple[int, int, str]]:
    return decoder().spans(model().make_doc(text))


@pytest.mark.parametrize("article", articles(), ids=lambda article: article.slug)
def test_names_of_articles_are_those_of_spacy(article: SampleArticle) -> None:
    assert spans_by_us(article.text) == spans_by_spacy(article.text) != []


@settings(max_examples=300)
@given(st.lists(TOKENS, max_size=40))
@example([])
@example(["\n"])
@example(["Berlin"])
@example(["Berlin", "\n"])
@example(["Bank", "of", "America"] * 20)
@example(["the", *["Central"] * 40])
def test_names_of_any_text_are_those_of_spacy(tokens: list[str]) -> None:
    text = " ".join(tokens)
    assert spans_by_us(text) == spans_by_spacy(text)


def test_another_version_of_spacy_decodes_itself() -> None:
    recognizer = model().get_pipe("ner")
    assert can_decode(recognizer, "3.8.99")
    assert not can_decode(recognizer, "3.9.0")


def test_the_recogniser_names_what_we_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "On Monday Angela Merkel met 20 bankers of the Bank of America in Berlin."
    ours = SpacyRecognizer().mentions(text)
    monkeypatch.setattr(greedy_decoder, "CHECKED_WITH", "4.")
    assert ours == SpacyRecognizer().mentions(text)
    assert ours[0] == ("Angela Merkel", "PERSON")
