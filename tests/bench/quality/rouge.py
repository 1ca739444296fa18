"""ROUGE: how much of a reference text a summary covers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from nlp.text.words import stems, words


class Rouge(NamedTuple):
    """F1 of single stems, of pairs, and of the longest common subsequence, each 0–100."""

    rouge_1: float
    rouge_2: float
    rouge_l: float


def rouge(summary: str, reference: str) -> Rouge:
    """ROUGE-1, -2 and -L (Lin, ACL workshop 2004) on stems, stop words included."""
    ours, theirs = stems(words(summary)), stems(words(reference))
    return Rouge(
        rouge_1=_ngram_f1(ours, theirs, 1),
        rouge_2=_ngram_f1(ours, theirs, 2),
        rouge_l=f1(_common_subsequence(ours, theirs), len(ours), len(theirs)),
    )


def f1(shared: int, ours: int, theirs: int) -> float:
    """100 · 2 · precision · recall / (precision + recall), from counts."""
    return 200.0 * shared / (ours + theirs) if shared else 0.0


def _ngram_f1(ours: Sequence[str], theirs: Sequence[str], size: int) -> float:
    left, right = (
        Counter(zip(*(tokens[start:] for start in range(size)), strict=False))
        for tokens in (ours, theirs)
    )
    return f1((left & right).total(), left.total(), right.total())


def _common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """The length of the longest one, by dynamic programming over one row."""
    lengths = [0] * (len(right) + 1)
    for word in left:
        diagonal = 0
        for column, other_word in enumerate(right, start=1):
            above = lengths[column]
            lengths[column] = (
                diagonal + 1 if word == other_word else max(above, lengths[column - 1])
            )
            diagonal = above
    return lengths[-1]
