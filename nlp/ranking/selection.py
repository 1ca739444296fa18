"""Which of a job's articles are kept: the best, each story once, within the caps.

Details are dear, so they are asked for only where they can matter. An article without them has a
bound: its composite if it named as many things as anyone could. Whoever has the highest bound is
looked at next; if it is only a bound, the details are needed first, otherwise the article is
kept or refused. So the outcome is what it would be if all had been looked at in detail, as in the
threshold algorithm (Fagin, Lotem and Naor, 2001).
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Sequence

from nlp.analysis import Evidence, Score, Scorecard, Weights
from nlp.decision import Decision, Ranking, SelectionPolicy, Survey, Verdict
from nlp.ranking.candidate import Candidate, candidate, detailed, tie_break
from nlp.ranking.explanation import Refusal, irrelevant, kept, merged, refused

Standing = tuple[float, str, str, bytes, int]
"""What comes first is the less; ends with the place."""


class Selection:
    """The selection of one job. Deterministic: ties are broken by URL, whatever the input's order.

    Ask `wanted` for the articles whose details are needed, give them to `look`, until none is
    wanted; then there is the `ranking`.
    """

    def __init__(
        self,
        evidence: Sequence[Evidence],
        survey: Survey,
        policy: SelectionPolicy,
        weights: Weights,
    ) -> None:
        """Raises ValueError if the survey is not that of the evidence."""
        self._policy = policy
        self._weights = weights
        self._candidates = [
            candidate(one, surveyed, weights)
            for one, surveyed in zip(evidence, survey.articles, strict=True)
        ]
        self._decisions: dict[int, Decision] = {}
        self._kept: list[int] = []
        self._of_domain: Counter[str] = Counter()
        self._of_cluster: Counter[int] = Counter()
        self._queue: list[Standing] = []
        self._copies: dict[int, list[int]] = defaultdict(list)
        for place in range(len(self._candidates)):
            self._enter(place)
        self._advance()

    def wanted(self, most: int) -> list[int]:
        """Places of at most so many articles whose details are needed next; none at the end."""
        unknown = (
            entry
            for entry in self._queue
            if not self._candidates[entry[-1]].detailed and not self._refusal(entry[-1])
        )
        return [entry[-1] for entry in heapq.nsmallest(most, unknown)]

    def look(self, densities: dict[int, Score]) -> None:
        """Goes on with the entity densities of the articles that were wanted, by their places."""
        for place, density in densities.items():
            self._candidates[place] = detailed(self._candidates[place], density, self._weights)
        self._queue = [self._standing(entry[-1]) for entry in self._queue]
        heapq.heapify(self._queue)
        self._advance()

    def scores(self, place: int) -> Scorecard:
        """Those of an article, as they stand now."""
        return self._candidates[place].scores

    def ranking(self) -> Ranking:
        """The outcome, once no details are wanted any more."""
        return Ranking(
            kept=tuple(self._kept),
            decisions=tuple(self._decisions[place] for place in range(len(self._candidates))),
        )

    # How it goes

    def _enter(self, place: int) -> None:
        """What is dropped whatever the others score is decided at once; the rest queues."""
        one = self._candidates[place]
        match = one.surveyed.match
        if match is not None:
            original = self._candidates[match.original]
            self._copies[match.original].append(place)
            self._decisions[place] = merged(one, match, original, self._nearest(one))
        elif not self._is_relevant(one):
            floor = self._policy.min_relevance
            self._decisions[place] = irrelevant(one, floor, self._nearest(one))
        else:
            heapq.heappush(self._queue, self._standing(place))

    def _advance(self) -> None:
        """Decides whatever can be decided by what is known."""
        while self._queue:
            place = self._queue[0][-1]
            refusal = self._refusal(place)
            if refusal is None and not self._candidates[place].detailed:
                return
            heapq.heappop(self._queue)
            self._decide(place, refusal)

    def _decide(self, place: int, refusal: Refusal | None) -> None:
        one = self._candidates[place]
        if refusal is not None:
            self._decisions[place] = refused(one, refusal, self._nearest(one))
            if refusal.verdict is Verdict.OVER_DOMAIN_CAP:
                self._stand_in(self._copies.pop(place, []))
            return
        self._kept.append(place)
        self._of_domain[one.article.domain] += 1
        if one.surveyed.cluster is not None:
            self._of_cluster[one.surveyed.cluster] += 1
        match, rank = one.surveyed.match, len(self._kept)
        refused_one = self._candidates[match.original] if match else None
        self._decisions[place] = kept(
            one, rank, self._shares(one), self._nearest(one), stands_in_for=refused_one
        )

    def _stand_in(self, copies: list[int]) -> None:
        """Of a story whose best telling was refused for its domain alone, the best that may be kept
        competes in its place."""
        for place in sorted(copies, key=self._standing):
            one = self._candidates[place]
            if self._refusal(place) is None and self._is_relevant(one):
                del self._decisions[place]
                self._copies[place] = [copy for copy in copies if copy != place]
                heapq.heappush(self._queue, self._standing(place))
                return

    def _is_relevant(self, one: Candidate) -> bool:
        return one.scores.relevance_score >= self._policy.min_relevance

    def _refusal(self, place: int) -> Refusal | None:
        """Which limit the article is over, as things stand."""
        policy, one = self._policy, self._candidates[place]
        most = policy.max_articles
        if most is not None and len(self._kept) >= most:
            last = self._candidates[self._kept[-1]].score if self._kept else None
            return Refusal(Verdict.BELOW_CUT, most, last)
        if not policy.diversify:
            return None
        domain, cluster = one.article.domain, one.surveyed.cluster
        if self._of_domain[domain] >= policy.domain_cap:
            return Refusal(Verdict.OVER_DOMAIN_CAP, policy.domain_cap)
        if cluster is not None and self._of_cluster[cluster] >= policy.cluster_cap:
            return Refusal(Verdict.OVER_CLUSTER_CAP, policy.cluster_cap)
        return None

    def _shares(self, one: Candidate) -> str:
        """What the article took of the caps, where there are any."""
        if not self._policy.diversify:
            return ""
        domain, cluster = one.article.domain, one.surveyed.cluster
        told = f": {self._of_domain[domain]} of at most {self._policy.domain_cap} from {domain}"
        if cluster is not None:
            count, cap = self._of_cluster[cluster], self._policy.cluster_cap
            told += f", {count} of at most {cap} in cluster {cluster}"
        return told

    def _nearest(self, one: Candidate) -> Candidate | None:
        nearest = one.surveyed.nearest
        return self._candidates[nearest.original] if nearest else None

    def _standing(self, place: int) -> Standing:
        one = self._candidates[place]
        return -one.bound, *tie_break(one.evidence), place
