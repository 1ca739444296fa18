"""The sample web notices who is impolite."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.sampleweb.manners import Visits, Wishes

HOST = "site.example"


class Host:
    """A host that is visited at the given seconds."""

    def __init__(self, wishes: Wishes | None = None) -> None:
        self.now = 0.0
        self.visits = Visits({HOST: wishes or Wishes()}, clock=lambda: self.now)

    def visited(
        self, at: Sequence[float], path: str = "/", retry_after: float | None = None
    ) -> None:
        for second in at:
            self.now = second
            with self.visits.visit(HOST, f"http://{HOST}{path}", 1) as visit:
                visit.retry_after = retry_after

    def violations(self, gap: float = 1.0) -> int:
        return len(self.visits.violations(gap=gap, at_once=2))


@pytest.mark.parametrize(
    ("at", "violations"),
    [
        ([0, 1, 2, 3, 4], 0),
        ([0, 1.4, 2, 3], 0),  # one that was late
        ([0, 9, 10, 11], 0),
        ([0, 0.1, 2, 3], 1),  # two together
        ([0, 0, 0, 0], 3),
        ([0, 0.35, 0.65, 1, 1.35, 1.65, 2], 6),  # each of three workers by itself
        ([0, 1, 1.3, 2.95, 3.3], 2),
    ],
)
def test_what_comes_too_soon(at: list[float], violations: int) -> None:
    host = Host()
    host.visited(at)
    assert host.violations() == violations


def test_a_crawl_delay_counts_once_it_can_be_known() -> None:
    host = Host(Wishes(crawl_delay=3))
    host.visited([0, 0.5], "/robots.txt")
    host.visited([3.5, 6.5])
    assert host.violations(gap=0.5) == 0
    host.visited([7.5])
    assert host.violations(gap=0.5) == 1


@pytest.mark.parametrize(("at", "violations"), [([0.4, 4.9, 5], 0), ([2, 4, 6], 2)])
def test_what_comes_before_the_time_that_a_refusal_told(at: list[float], violations: int) -> None:
    host = Host()
    host.visited([0], retry_after=5)
    host.visited(at)
    assert host.violations(gap=0) == violations


def test_too_many_at_once() -> None:
    visits = Visits()
    for at_once in (1, 2, 3):
        with visits.visit(HOST, "/", at_once):
            pass
    assert len(visits.violations(gap=0, at_once=2)) == 1
