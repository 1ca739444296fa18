"""The order of candidates, best first."""

from __future__ import annotations

from collections.abc import Sequence

from nlp.analysis import Analysis


def best_first(analyses: Sequence[Analysis]) -> list[int]:
    """Places in `analyses`, the highest composite first, ties broken by URL.

    Where one URL was analysed twice, by text and embedding, so that the order of `analyses`
    never counts.
    """
    return sorted(range(len(analyses)), key=lambda place: _standing(analyses[place]))


def _standing(analysis: Analysis) -> tuple[float, str, str, bytes]:
    found = analysis.fingerprint
    score = analysis.scores.overall_score
    return -score, analysis.article.url, found.text_sha256, found.embedding
