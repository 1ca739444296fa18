"""Runs the stages of one article: records their times, and gives defaults where they fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from nlp.analysis import Score, StageRun
from nlp.neutral import NEUTRAL, Unmeasurable

Outcome = TypeVar("Outcome")


class StageLog:
    """The stages of one article, in the order in which they ran."""

    def __init__(self) -> None:
        self.runs: list[StageRun] = []

    def run(self, name: str, work: Callable[[], Outcome], default: Outcome) -> Outcome:
        """The outcome of `work`, or `default` where it raises; the error is recorded."""
        return self.run_or(name, work, lambda _error: default)

    def score(self, name: str, work: Callable[[], float]) -> Score:
        """The score that `work` computes, as `score_of`.

        An exception other than `Unmeasurable` gives the neutral value too, and is recorded as the
        failure of the stage.
        """
        return self.run_or(name, lambda: score_of(work), failed_score)

    def run_or(
        self, name: str, work: Callable[[], Outcome], fallback: Callable[[Exception], Outcome]
    ) -> Outcome:
        """The outcome of `work`, or that of `fallback` for the error that it raises."""
        started = time.time_ns()
        try:
            outcome, error = work(), None
        except MemoryError:  # concerns the whole process, not this stage
            raise
        except Exception as raised:  # one stage must not fail the article
            outcome, error = fallback(raised), error_text(raised)
        self.add(name, started, error)
        return outcome

    def add(self, name: str, started_ns: int, error: str | None = None) -> None:
        """Record a stage that ends now."""
        run = StageRun(name=name, started_ns=started_ns, ended_ns=time.time_ns(), error=error)
        self.runs.append(run)


def score_of(work: Callable[[], float]) -> Score:
    """The result of `work`, or the neutral value with the reason where it raises `Unmeasurable`.

    Rounded to two decimals, so that two machines agree and the composite can be recomputed from
    what is shown.
    """
    try:
        return Score(round(work(), 2))
    except Unmeasurable as reason:
        return Score(NEUTRAL, str(reason))


def failed_score(error: Exception) -> Score:
    return Score(NEUTRAL, f"Computing the score failed: {error_text(error)}")


def error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
