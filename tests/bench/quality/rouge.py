"""How much two texts have in common, as summaries are judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from nlp.text.words import stems, words


class Rouge(NamedTuple):
    """F1 of single stems, of pairs, and of the longest common subsequence, each 0-100."""

    one: float
    two: float
    longest: float


def rouge(summary: str, reference: str) -> Rouge:
    """ROUGE-1, -2 and -L (Lin, ACL workshop 2004) on stems, with function words."""
    told, wanted = stems(words(summary)), stems(words(reference))
    return Rouge(
        one=_of_ngrams(told, wanted, 1),
        two=_of_ngrams(told, wanted, 2),
        longest=f1(_common_subsequence(told, wanted), len(told), len(wanted)),
    )


def f1(hits: int, found: int, wanted: int) -> float:
    """100 · 2 · precision · recall / (precision + recall)."""
    return 200.0 * hits / (found + wanted) if hits else 0.0


def _of_ngrams(told: Sequence[str], wanted: Sequence[str], size: int) -> float:
    one, other = (
        Counter(zip(*(side[at:] for at in range(size)), strict=False)) for side in (told, wanted)
    )
    return f1((one & other).total(), one.total(), other.total())


def _common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    lengths = [0] * (len(other) + 1)
    for word in one:
        above = 0
        for at, candidate in enumerate(other, start=1):
            here = lengths[at]
            lengths[at] = above + 1 if word == candidate else max(here, lengths[at - 1])
            above = here
    return lengths[-1]
