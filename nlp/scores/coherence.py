"""Topic coherence: whether an article keeps to the topic or only mentions it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from nlp.text.query_terms import query_terms
from nlp.text.words import TokenizedText, stems

WINDOW_SENTENCES = 3
"""Sentences in a window: about a paragraph of news."""

FULL_PRESENCE = 0.5
"""The share of windows with the topic that scores as all: the others may use pronouns for it."""


def topic_coherence(query: str | None, text: TokenizedText) -> float:
    """How consistently `text` keeps to the query's terms, and to how many of them, 0–100.

    The text is split into windows of three sentences. presence is the share of windows with any
    term; cooccurrence is the mean share of the terms in those windows. The score is
    100 · min(1, presence / 0.5) · (1 + cooccurrence) / 2: an article that names the topic once at
    its end scores low, and one that scatters the words of a phrase scores lower than one that keeps
    them together. Co-occurrence in windows as a measure of coherence follows Newman et al.
    (NAACL 2010). Raises `Unmeasurable` where the query has no word.
    """
    terms = frozenset(query_terms(query))
    shares = [len(terms.intersection(window)) / len(terms) for window in _windows(text)]
    present = [share for share in shares if share > 0]
    if not present:
        return 0.0
    presence = min(1.0, len(present) / len(shares) / FULL_PRESENCE)
    cooccurrence = sum(present) / len(present)
    return 100.0 * presence * (1 + cooccurrence) / 2


def _windows(text: TokenizedText) -> Iterator[list[str]]:
    for start in range(0, len(text.sentence_words), WINDOW_SENTENCES):
        window = text.sentence_words[start : start + WINDOW_SENTENCES]
        yield stems(chain.from_iterable(window))
