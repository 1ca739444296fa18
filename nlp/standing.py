"""The order of candidates, best first."""

from __future__ import annotations

from collections.abc import Sequence

from nlp.analysis import Analysis


def best_first(analyses: Sequence[Analysis]) -> list[int]:
    """Places in `analyses`, the highest composite first, ties broken by URL, then by text."""
    return sorted(range(len(analyses)), key=lambda place: _standing(analyses[place]))


def _standing(analysis: Analysis) -> tuple[float, str, str]:
    article = analysis.article
    return -analysis.scores.overall_score, article.url, analysis.fingerprint.text_sha256
