"""Stories: which other candidates report what an article reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from nlp.decision import OtherReport, Story
from nlp.ranking.candidate import Candidate

MAX_REPORTS = 10
"""Other reports that a result names; all of them are counted."""


class Stories:
    """The stories of a job: the articles of one cluster, with all their copies.

    Without clusters, an article's story is what its copies tell.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates
        self._reports: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for place in sorted(range(len(candidates)), key=self._ordering):
            self._reports[self._story_of(place)].append(place)
        self._sources = {
            story: len({candidates[place].domain for place in places})
            for story, places in self._reports.items()
        }

    def sources_count(self, place: int) -> int:
        """The domains that report the article's story, its own among them."""
        return self._sources[self._story_of(place)]

    def story(self, place: int) -> Story:
        """The other reports of the article's story, those in other words first, then by score.

        Another address of the same page is no other report, and each page is named once.
        """
        pages = {self._page(place)}
        others: list[OtherReport] = []
        for is_copy in (False, True):
            for other in self._reports[self._story_of(place)]:
                if len(others) == MAX_REPORTS:
                    break
                if self._is_copy(place, other) is is_copy and self._page(other) not in pages:
                    pages.add(self._page(other))
                    others.append(self._report(other, is_copy=is_copy))
        return Story(also_reported_by=tuple(others), sources_count=self.sources_count(place))

    def _story_of(self, place: int) -> tuple[str, int]:
        cluster = self._candidates[place].cluster
        return ("copies", self._original(place)) if cluster is None else ("cluster", cluster)

    def _ordering(self, place: int) -> tuple[float, str, str, bytes]:
        candidate = self._candidates[place]
        return -candidate.own_score, *candidate.tie_break

    def _is_copy(self, place: int, other: int) -> bool:
        return self._original(place) == self._original(other)

    def _original(self, place: int) -> int:
        match = self._candidates[place].surveyed.match
        return place if match is None else match.original

    def _page(self, place: int) -> str:
        return self._candidates[place].article.canonical_url

    def _report(self, place: int, *, is_copy: bool) -> OtherReport:
        article = self._candidates[place].article
        return OtherReport(
            url=article.url,
            title=article.title,
            domain=article.domain,
            publish_date=article.publish_date,
            is_copy=is_copy,
        )
