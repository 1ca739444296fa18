"""How long each stage of one article took, and what stands in for a stage that failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from nlp.analysis import Score, StageRun
from nlp.neutral import NEUTRAL, Unmeasurable

Outcome = TypeVar("Outcome")


class StageLog:
    """The record of one article's stages, in their order."""

    def __init__(self) -> None:
        self.runs: list[StageRun] = []

    def run(self, name: str, work: Callable[[], Outcome], otherwise: Outcome) -> Outcome:
        """The outcome of `work`, or `otherwise` where it raises, with the error on record."""
        return self.run_or(name, work, lambda _error: otherwise)

    def measure(self, name: str, work: Callable[[], float]) -> Score:
        """What `work` measures, rounded to two decimals.

        Rounded, so that two machines agree and the composite can be recomputed from what is shown.
        What cannot be measured is neutral, with the reason; where `work` raised anything but
        `Unmeasurable`, the stage has failed.
        """
        return self.run_or(name, lambda: score_of(work), failed_score)

    def run_or(
        self, name: str, work: Callable[[], Outcome], otherwise: Callable[[Exception], Outcome]
    ) -> Outcome:
        """The outcome of `work`, or what `otherwise` makes of the error, which is put on record."""
        started = time.time_ns()
        try:
            outcome, error = work(), None
        except MemoryError:  # of the whole process, and no stage's to mend
            raise
        except Exception as raised:  # one stage must not fail the article
            outcome, error = otherwise(raised), error_text(raised)
        self.add(name, started, error)
        return outcome

    def add(self, name: str, started_ns: int, error: str | None = None) -> None:
        """Put on record a stage that ends now."""
        run = StageRun(name=name, started_ns=started_ns, ended_ns=time.time_ns(), error=error)
        self.runs.append(run)


def score_of(work: Callable[[], float]) -> Score:
    """What `work` measures, or the neutral value where it raises `Unmeasurable`."""
    try:
        return Score(round(work(), 2))
    except Unmeasurable as reason:
        return Score(NEUTRAL, str(reason))


def failed_score(error: Exception) -> Score:
    return Score(NEUTRAL, f"The measure failed: {error_text(error)}")


def error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
