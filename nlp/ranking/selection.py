"""The selection of a job's articles: the best are kept, each story once, within the caps.

Details are expensive, so they are asked for only where they can matter. An article without details
has an upper bound, its composite with the highest entity density. The open article with the highest
bound comes next: if that is only a bound, its details are needed first; otherwise the article is
kept. This is the threshold algorithm (Fagin, Lotem and Naor, 2001), and keeps what would be kept if
all details were known.

That holds because what is open depends only on what has been kept. As soon as an article fills the
list, the share of its domain or the share of its cluster, everything beyond that limit is refused
at once. If each article were refused at its own turn, the limit that refuses it, and the moment
from which its duplicates may stand in for it, would depend on its score, and so on its details.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from nlp.analysis import Evidence, Score, Scorecard
from nlp.decision import Decision, Ranking, SelectionPolicy, Survey, Verdict
from nlp.ranking.candidate import Candidate, build_candidate, with_density
from nlp.ranking.explanation import Circumstances, Refusal, irrelevant, kept, merged, refused
from nlp.ranking.stories import Stories
from nlp.scores.scorecard import Composite

Ordering = tuple[float, str, str, bytes, int]
"""Sorts the highest upper bound first; the last item is the candidate's place."""


class Selection:
    """The selection of one job. Deterministic: the order of the input does not matter.

    Ask `needing_details` for places, give their entity densities to `add_densities`, and repeat
    until no details are needed; then `ranking` has the outcome.

    A duplicate is closed from the start. It opens when the article that it repeats is refused for
    its domain alone: then the duplicates from other domains compete, and the first of them that is
    kept takes its place.
    """

    def __init__(
        self,
        evidence: Sequence[Evidence],
        survey: Survey,
        policy: SelectionPolicy,
        composite: Composite,
        now: dt.datetime | None = None,
    ) -> None:
        """`now`, aware, is what the age of an article is measured against; None: it is not told.

        Raises ValueError if the survey is not that of the evidence.
        """
        self._policy = policy
        self._composite = composite
        self._now = now
        self._candidates = [
            build_candidate(article, surveyed, composite)
            for article, surveyed in zip(evidence, survey.articles, strict=True)
        ]
        self._stories = Stories(self._candidates)
        self._decisions: dict[int, Decision] = {}
        """The decisions of all candidates that are not kept."""
        self._kept: list[int] = []
        self._open: set[int] = set()
        """Places that may still be kept."""
        self._queue: list[Ordering] = []
        """A heap of all that is open; what has been closed is skipped."""
        self._of_domain: defaultdict[str, list[int]] = defaultdict(list)
        self._of_cluster: defaultdict[int | None, list[int]] = defaultdict(list)
        self._copies: defaultdict[int, list[int]] = defaultdict(list)
        self._kept_of_domain: Counter[str] = Counter()
        self._kept_of_cluster: Counter[int | None] = Counter()
        for place in range(len(self._candidates)):
            self._enter(place)
        self._refuse_beyond_the_cut()
        self._advance()

    def needing_details(self, limit: int) -> list[int]:
        """Places of at most `limit` articles whose details are needed next; none at the end."""
        entries = (
            entry
            for entry in self._queue
            if entry[-1] in self._open and not self._candidates[entry[-1]].detailed
        )
        return [entry[-1] for entry in heapq.nsmallest(limit, entries)]

    def add_densities(self, densities: dict[int, Score]) -> None:
        """Continue with the entity densities of articles that needed details, by place."""
        for place, density in densities.items():
            self._candidates[place] = with_density(
                self._candidates[place], density, self._composite
            )
        self._queue = [self._ordering(place) for place in self._open]
        heapq.heapify(self._queue)
        self._advance()

    def scores(self, place: int) -> Scorecard:
        """The scores of an article, with what is known so far."""
        return self._candidates[place].scores

    def ranking(self) -> Ranking:
        """The outcome, once no more details are needed."""
        best_first = sorted(self._kept, key=self._ordering)
        decisions = self._decisions | self._kept_decisions(best_first)
        return Ranking(
            kept=tuple(best_first),
            decisions=tuple(decisions[place] for place in range(len(self._candidates))),
            stories=tuple(self._stories.story(place) for place in best_first),
        )

    def _enter(self, place: int) -> None:
        """Open the article, unless it is a duplicate or irrelevant."""
        candidate = self._candidates[place]
        self._of_domain[candidate.domain].append(place)
        self._of_cluster[candidate.cluster].append(place)
        match = candidate.surveyed.match
        if match is not None:
            original = self._candidates[match.original]
            self._copies[match.original].append(place)
            self._decisions[place] = merged(candidate, self._about(place), match, original)
        elif not self._is_relevant(candidate):
            floor = self._policy.min_relevance
            self._decisions[place] = irrelevant(candidate, self._about(place), floor)
        else:
            self._open_up(place)

    def _open_up(self, place: int) -> None:
        self._open.add(place)
        heapq.heappush(self._queue, self._ordering(place))

    def _advance(self) -> None:
        """Keep the best of what is open, for as long as it is known to be the best."""
        while self._queue:
            place = self._queue[0][-1]
            if place not in self._open:
                heapq.heappop(self._queue)
            elif self._candidates[place].detailed:
                heapq.heappop(self._queue)
                self._keep(place)
            else:
                return

    def _keep(self, place: int) -> None:
        candidate = self._candidates[place]
        match, domain, cluster = (
            candidate.surveyed.match,
            candidate.domain,
            candidate.cluster,
        )
        self._open.remove(place)
        if match is not None:
            self._open.difference_update(self._copies[match.original])
        self._kept.append(place)
        self._kept_of_domain[domain] += 1
        self._kept_of_cluster[cluster] += 1
        self._refuse_beyond_the_cut()
        if self._domain_is_full(candidate):
            refusal = Refusal(Verdict.OVER_DOMAIN_CAP, self._policy.domain_cap)
            for refused_place in self._refuse(self._of_domain[domain], refusal):
                self._open_copies(refused_place)
        if self._cluster_is_full(candidate):
            self._refuse(
                self._of_cluster[cluster],
                Refusal(Verdict.OVER_CLUSTER_CAP, self._policy.cluster_cap),
            )

    def _refuse_beyond_the_cut(self) -> None:
        """Refuse all that is open, if the list is full."""
        limit = self._policy.max_articles
        if limit is None or len(self._kept) < limit:
            return
        last = max(self._kept, key=self._ordering, default=None)
        score = None if last is None else self._candidates[last].upper_bound
        self._refuse(list(self._open), Refusal(Verdict.BELOW_CUT, limit, score))

    def _refuse(self, places: Iterable[int], refusal: Refusal) -> list[int]:
        """Close those of the places that are open, and return those that are no duplicates.

        A duplicate that takes no article's place is still a duplicate, and keeps that decision.
        """
        closed = self._open.intersection(places)
        self._open -= closed
        originals = [place for place in closed if self._candidates[place].surveyed.match is None]
        for place in originals:
            candidate = self._candidates[place]
            self._decisions[place] = refused(candidate, self._about(place), refusal)
        return originals

    def _open_copies(self, original: int) -> None:
        """Open the duplicates of a refused article that may stand in for it."""
        for place in self._copies[original]:
            candidate = self._candidates[place]
            is_full = self._domain_is_full(candidate) or self._cluster_is_full(candidate)
            if self._is_relevant(candidate) and not is_full:
                self._open_up(place)

    def _is_relevant(self, candidate: Candidate) -> bool:
        return candidate.scores.relevance_score >= self._policy.min_relevance

    def _domain_is_full(self, candidate: Candidate) -> bool:
        policy = self._policy
        return policy.diversify and self._kept_of_domain[candidate.domain] >= policy.domain_cap

    def _cluster_is_full(self, candidate: Candidate) -> bool:
        policy, cluster = self._policy, candidate.cluster
        if not policy.diversify or cluster is None:
            return False
        return self._kept_of_cluster[cluster] >= policy.cluster_cap

    def _kept_decisions(self, best_first: Sequence[int]) -> dict[int, Decision]:
        decisions: dict[int, Decision] = {}
        for rank, place in enumerate(best_first, start=1):
            candidate = self._candidates[place]
            match = candidate.surveyed.match
            original = None if match is None else self._candidates[match.original]
            decisions[place] = kept(candidate, self._about(place), rank, stands_in_for=original)
        return decisions

    def _about(self, place: int) -> Circumstances:
        candidate = self._candidates[place]
        nearest = candidate.surveyed.nearest
        return Circumstances(
            nearest=self._candidates[nearest.original] if nearest else None,
            sources_count=self._stories.sources_count(place),
            age=self._age(candidate),
            has_query=self._composite.by_relevance,
        )

    def _age(self, candidate: Candidate) -> dt.timedelta | None:
        published = candidate.article.publish_date
        if published is None or self._now is None:
            return None
        return max(self._now - published, dt.timedelta(0))

    def _ordering(self, place: int) -> Ordering:
        candidate = self._candidates[place]
        return -candidate.upper_bound, *candidate.tie_break, place
