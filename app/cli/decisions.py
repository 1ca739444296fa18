"""What became of a job's candidates, on a terminal and elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console

from app.cli.answers import DecisionView, ScoresView
from app.cli.tables import SCORES, Cell, show_table


def show_decisions(console: Console, decisions: Sequence[DecisionView]) -> None:
    """What became of each candidate: the kept by their rank, then the others by their score."""
    ordered = sorted(decisions, key=lambda one: (one.rank or math.inf, -(one.overall_score or 0)))
    show_table(
        console,
        ("decision", "score", "url", "why"),
        [(one.verdict, one.overall_score, one.url, one.explanation) for one in ordered],
    )


def show_decision(console: Console, one: DecisionView) -> None:
    """All that is known of one candidate."""
    scores, nearest = one.scores or ScoresView(), one.nearest
    neutral = {score.score: score.reason for score in scores.neutral}
    show_table(
        console,
        ("decision", one.verdict),
        [
            ("url", one.url),
            ("title", one.title),
            ("why", one.explanation),
            ("reason", one.reason),
            ("rank", _number(one.rank)),
            ("score", one.overall_score),
            *(
                (name, _part(getattr(scores, field), neutral.get(field)))
                for name, field in SCORES.items()
            ),
            ("domain", one.domain),
            ("cluster", _number(one.cluster)),
            ("cap", _number(one.cap)),
            ("duplicate of", one.duplicate_of),
            ("matched by", one.matched_by),
            ("similarity", _share(one.similarity)),
            ("nearest", nearest.url if nearest else None),
            ("shared phrases", _share(nearest.containment if nearest else None)),
            ("cosine", _share(nearest.cosine if nearest else None)),
        ],
    )


def _part(score: float | None, neutral: str | None) -> Cell:
    return f"{score:.1f}  ({neutral})" if score is not None and neutral else score


def _share(share: float | None) -> str | None:
    return None if share is None else f"{share:.3f}"


def _number(number: int | None) -> str | None:
    """To the left, as what stands above and below it."""
    return None if number is None else str(number)
