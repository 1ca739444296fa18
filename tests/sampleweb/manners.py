"""Whether those who visit the sample web are polite: what each host asks for, and who kept to it.

Kept by the web itself, from what arrives there.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

TOLERANCE = 0.6
"""Seconds that a request may arrive after its time. Visitors space the moments at which they send;
between these and the arrivals lie turns of busy event loops, theirs and ours, and perhaps a new
connection: 9 ms in the middle and 0.2 s at most with three workers, the tests and two programs that
do nothing but count on two cores; once 0.46 s with more. A delay that is not kept, or kept by each
worker alone, is off by more, since what is missing adds up from one request to the next."""

NOTICE = 0.6
"""Seconds in which a visitor need not know yet what was just answered to another; likewise."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a host asks of its visitors."""

    crawl_delay: float = 0.0
    """In its robots.txt."""
    refusals: int = 0
    """How many pages it refuses with 429 before it serves the first."""
    retry_after: int = 2
    """Seconds, told with each refusal."""


@dataclass(kw_only=True)
class Visit:
    """One request."""

    url: str
    arrived: float
    at_once: int
    """Requests to its host that were being answered then, this one included."""
    answered: float | None = None
    """None while it runs."""
    retry_after: float | None = None


@dataclass
class Visits:
    """All requests, by host, in the order of their arrival."""

    wishes: dict[str, Wishes] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    by_host: defaultdict[str, list[Visit]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def visit(self, host: str, url: str, at_once: int) -> Iterator[Visit]:
        visit = Visit(url=url, arrived=self.clock(), at_once=at_once)
        self.by_host[host].append(visit)
        try:
            yield visit
        finally:
            visit.answered = self.clock()

    def violations(self, *, gap: float, at_once: int) -> list[str]:
        """What went against `gap` seconds between two requests to a host, no more than `at_once` of
        them together, or what the host itself had asked for."""
        return [
            f"{host}: {told}"
            for host, visits in self.by_host.items()
            for told in (
                *_too_many(visits, at_once),
                *_too_soon(visits, gap, self.wishes.get(host, Wishes())),
                *_too_early(visits),
            )
        ]


def _too_many(visits: list[Visit], at_once: int) -> Iterator[str]:
    for visit in visits:
        if visit.at_once > at_once:
            yield f"{visit.at_once} requests at once, with {visit.url}"


def _too_soon(visits: list[Visit], gap: float, wishes: Wishes) -> Iterator[str]:
    """From the last request back: each should have come a gap before the one after it, at the
    latest. The host's own delay counts once its robots.txt has been read by anybody."""
    read = (one.answered for one in visits if one.url.endswith("/robots.txt") and one.answered)
    known_from = min(read, default=float("inf")) + NOTICE
    due = float("inf")
    for visit in reversed(visits):
        if visit.arrived > due + TOLERANCE:
            yield f"{visit.url} came {visit.arrived - due:.3f} s too close to what followed"
            due = visit.arrived
        least = max(gap, wishes.crawl_delay) if visit.arrived > known_from else gap
        due = min(visit.arrived, due) - least


def _too_early(visits: list[Visit]) -> Iterator[str]:
    for refused in visits:
        if refused.answered is None or refused.retry_after is None:
            continue
        told, over = refused.answered + NOTICE, refused.answered + refused.retry_after - TOLERANCE
        for visit in visits:
            if told < visit.arrived < over:
                early = refused.answered + refused.retry_after - visit.arrived
                yield f"{visit.url} came {early:.3f} s before it was to be asked again"
