"""From the analyses of a job to its ranked list, with a decision for each candidate."""

from __future__ import annotations

from collections.abc import Sequence

from nlp.analysis import Analysis
from nlp.decision import Ranking, SelectionPolicy


def rank(analyses: Sequence[Analysis], policy: SelectionPolicy) -> Ranking:
    """Merge near-duplicates, cluster, then keep the best within the caps.

    Deterministic: the best composite first, ties broken by URL, whatever the input's order.
    """
    raise NotImplementedError
