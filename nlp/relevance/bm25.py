"""BM25 over the candidates of one job, as a share of what a query can score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nlp.text.term_counts import TITLE_WEIGHT, TermCounts

Floats = npt.NDArray[np.float64]

SATURATION = 1.2
"""k1: how soon more mentions stop counting."""

LENGTH_SHARE = 0.4
"""b: how far the length of a text discounts its mentions."""

ORDINARY_ARTICLES, ORDINARY_SHARE, ORDINARY_WORDS = 30, 0.05, 600
"""What is imagined beside the candidates: 30 articles of 600 words, one in twenty with each term.

One candidate alone has no collection to be rare in, and what a search has found holds its words
everywhere. In jobs of 10 drawn from Cranfield this raised the nDCG@10 of BM25 alone from 47.3
to 49; in jobs of 30 to 1,400 it changed at most 1.
"""


def lexical_shares(counts: Sequence[TermCounts]) -> Floats:
    """How much each article speaks the words of the query, 0–1, of shape (n,).

    The share of the greatest BM25F that any article could have (Robertson and Zaragoza, 2009):
    terms that are rare among the candidates weigh more, title and text are added up before they
    saturate, and the length of the text discounts its mentions. Near 1 only where each term stands
    in the title and many times in the text.
    """
    in_title = np.array([one.in_title for one in counts], dtype=np.float64)
    in_text = np.array([one.in_text for one in counts], dtype=np.float64)
    weights = rarity(np.count_nonzero(in_title + in_text, axis=0), len(counts))
    mentions = TITLE_WEIGHT * in_title + in_text * length_discounts(counts)[:, None]
    return np.asarray(saturated(mentions) @ (weights / weights.sum()))


def length_discounts(counts: Sequence[TermCounts]) -> Floats:
    """What one mention in each text counts, of shape (n,): 1 where it has the usual length."""
    words = np.array([one.text_words for one in counts], dtype=np.float64)
    usual = (words.sum() + ORDINARY_ARTICLES * ORDINARY_WORDS) / (len(counts) + ORDINARY_ARTICLES)
    return np.asarray(1 / (1 - LENGTH_SHARE + LENGTH_SHARE * words / usual))


def saturated(mentions: Floats) -> Floats:
    """Mentions → what they are worth, 0–1."""
    return mentions / (mentions + SATURATION)


def rarity(holding: npt.NDArray[np.int64], articles: int) -> Floats:
    """The inverse document frequency of terms that `holding` of so many articles have; above 0."""
    having = holding + ORDINARY_ARTICLES * ORDINARY_SHARE
    lacking = articles + ORDINARY_ARTICLES - having
    return np.log1p((lacking + 0.5) / (having + 0.5))
