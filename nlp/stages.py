"""How long each stage of one article took, and what stands in for a stage that failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from nlp.analysis import NeutralScore, StageRun
from nlp.neutral import NEUTRAL, Unmeasurable

Outcome = TypeVar("Outcome")


class Stages:
    """The record of one article's stages, in their order."""

    def __init__(self) -> None:
        self.runs: list[StageRun] = []
        self.neutral: list[NeutralScore] = []

    def run(self, name: str, work: Callable[[], Outcome], otherwise: Outcome) -> Outcome:
        """The outcome of `work`, or `otherwise` where it raises, with the error on record."""
        started = time.time_ns()
        error: str | None = None
        outcome = otherwise
        try:
            outcome = work()
        except MemoryError:  # of the whole process, and no stage's to mend
            raise
        except Exception as raised:  # one stage must not fail the article
            error = told(raised)
        self.add(name, started, error)
        return outcome

    def add(self, name: str, started_ns: int, error: str | None) -> None:
        """Put on record a stage that ends now."""
        run = StageRun(name=name, started_ns=started_ns, ended_ns=time.time_ns(), error=error)
        self.runs.append(run)

    def score(self, name: str, **measures: Callable[[], float]) -> dict[str, float]:
        """One stage that measures the named scores, each rounded to two decimals.

        A score that cannot be measured stands at its neutral value, with the reason; where
        the measure raised anything but `Unmeasurable`, the stage has failed.
        """
        started = time.time_ns()
        errors: list[str] = []
        scores: dict[str, float] = {}
        for score, measure in measures.items():
            try:
                scores[score] = round(measure(), 2)
            except Unmeasurable as reason:
                scores[score] = self._neutral(score, str(reason))
            except MemoryError:
                raise
            except Exception as raised:  # one score must not fail the article
                errors.append(told(raised))
                scores[score] = self._neutral(score, f"The measure failed: {told(raised)}")
        self.add(name, started, "; ".join(errors) or None)
        return scores

    def _neutral(self, score: str, reason: str) -> float:
        self.neutral.append(NeutralScore(score=score, reason=reason))
        return NEUTRAL


def told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
