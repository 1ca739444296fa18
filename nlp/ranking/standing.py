"""The order of articles, best first."""

from __future__ import annotations

from collections.abc import Sequence

from nlp.analysis import Evidence


def best_first(evidence: Sequence[Evidence]) -> list[int]:
    """Places in `evidence`, the highest composite first, ties broken by URL.

    Where one URL was analysed twice, by text and embedding, so that the order of `evidence`
    never counts.
    """
    return sorted(range(len(evidence)), key=lambda place: _standing(evidence[place]))


def _standing(one: Evidence) -> tuple[float, str, str, bytes]:
    return -one.study.scores.overall_score, *tie_break(one)


def tie_break(one: Evidence) -> tuple[str, str, bytes]:
    """What orders articles of one score; the less comes first."""
    found = one.study.impression.fingerprint
    return one.article.url, found.text_sha256, found.embedding
