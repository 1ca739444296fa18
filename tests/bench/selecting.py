"""One selection of many synthetic articles, in a process of its own on one core.

`python -m tests.bench.selecting ARTICLES EXACT` prints what it took as one JSON object.
"""

from __future__ import annotations

import resource
import sys
import time

import msgspec
from msgspec import Struct

from nlp.similarity.clusters import clusters
from nlp.similarity.duplicates import duplicates
from tests.bench.synthetic import planted


class Selected(Struct, frozen=True, kw_only=True):
    """What one selection took and found."""

    seconds: float
    """On the clock, of finding duplicates and clusters."""
    duplicates_cpu: float
    clusters_cpu: float
    articles_mb: float
    """Peak of the process before: the articles, and making them."""
    peak_mb: float
    merged_into: list[int | None]
    clusters: list[int]
    """Of those that stay, in order."""
    copy_of: list[int | None]
    event: list[int]

    @property
    def recall(self) -> float:
        """Of the planted copies, those that were merged."""
        return self._right() / sum(one is not None for one in self.copy_of)

    @property
    def precision(self) -> float:
        """Of the merged, those that were planted."""
        return self._right() / max(1, sum(one is not None for one in self.merged_into))

    @property
    def staying_events(self) -> list[int]:
        """The planted event of each that stays."""
        pairs = zip(self.merged_into, self.event, strict=True)
        return [event for merged, event in pairs if merged is None]

    def _right(self) -> int:
        pairs = zip(self.merged_into, self.copy_of, strict=True)
        return sum(None not in pair for pair in pairs)


def select(articles: int, exact: int) -> Selected:
    """Make articles, merge near-duplicates at the default thresholds, cluster the others."""
    made = planted(articles)
    before = _peak_mb()
    began, started = time.monotonic(), time.process_time()
    found = duplicates(made.prints, made.urls, 0.97, exact)
    halfway = time.process_time()
    staying = [place for place, one in enumerate(found) if one.match is None]
    groups = clusters([made.prints[place] for place in staying], 0.75, exact)
    return Selected(
        seconds=time.monotonic() - began,
        duplicates_cpu=halfway - started,
        clusters_cpu=time.process_time() - halfway,
        articles_mb=before,
        peak_mb=_peak_mb(),
        merged_into=[one.match.original if one.match else None for one in found],
        clusters=groups,
        copy_of=made.copy_of,
        event=made.event,
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(select(int(sys.argv[1]), int(sys.argv[2]))))
