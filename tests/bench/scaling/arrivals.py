"""The day that is played: `python -m tests.bench.scaling.arrivals` writes arrivals.csv anew.

A line is a job: when it is submitted, in seconds of the day, when it may start if that is later
(its `not_before`), and its articles. The seed is fixed, so the file is always the same.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

FILE = Path(__file__).with_name("arrivals.csv")
SEED = 12
HOUR = 3600
DAY = 24 * HOUR


class Arrival(Struct, frozen=True, kw_only=True):
    at: int
    not_before: int
    articles: int


def a_day(rng: random.Random) -> Iterator[Arrival]:
    """A night, topics in the morning, a working day with a spike, two bursts in the evening."""
    # Scheduled for tomorrow: outstanding all day long, and no reason to keep a worker.
    yield Arrival(at=1 * HOUR, not_before=DAY + 1, articles=500)
    # Scheduled for this night.
    yield Arrival(at=1 * HOUR, not_before=3 * HOUR, articles=2_000)
    # Trickle: somebody asks for a topic.
    yield from _at_random(rng, 6 * HOUR, 8 * HOUR, every=150, articles=(20, 100))
    # Steady: many users' small jobs, 23 articles a second.
    yield from _at_random(rng, 8 * HOUR, 18 * HOUR, every=2.4, articles=(10, 100))
    # Spike: somebody imports a list.
    for _ in range(20):
        yield from _one(int(12 * HOUR + rng.uniform(0, 20)), 1_000)
    # Bursts: reports that are made at night.
    for hour in (19, 21.5):
        start = hour * HOUR + rng.uniform(0, 600)
        for _ in range(rng.randint(8, 16)):
            yield from _one(int(start + rng.uniform(0, 60)), 1_000)


def _one(at: int, articles: int) -> Iterator[Arrival]:
    yield Arrival(at=at, not_before=at, articles=articles)


def _at_random(
    rng: random.Random, start: int, end: int, *, every: float, articles: tuple[int, int]
) -> Iterator[Arrival]:
    """Jobs that know nothing of each other, one in `every` seconds on average."""
    at = start + rng.expovariate(1 / every)
    while at < end:
        yield from _one(int(at), rng.randint(*articles))
        at += rng.expovariate(1 / every)


def made_up(seed: int = SEED) -> list[Arrival]:
    return sorted(a_day(random.Random(seed)), key=lambda one: (one.at, one.not_before))


def read_arrivals(file: Path = FILE) -> list[Arrival]:
    with file.open(newline="") as opened:
        return [
            Arrival(
                at=int(row["at"]),
                not_before=int(row["not_before"] or row["at"]),
                articles=int(row["articles"]),
            )
            for row in csv.DictReader(opened)
        ]


def main() -> None:
    with FILE.open("w", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(["at", "not_before", "articles"])
        jobs = made_up()
        for one in jobs:
            later = one.not_before if one.not_before > one.at else ""
            writer.writerow([one.at, later, one.articles])
    sys.stdout.write(f"{len(jobs)} jobs, {sum(one.articles for one in jobs)} articles\n")


if __name__ == "__main__":
    main()
