"""From the analyses of a job to its ranked list, with a decision for each candidate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from nlp.analysis import Analysis
from nlp.clusters import clusters
from nlp.decision import Decision, Ranking, SelectionPolicy, Verdict
from nlp.duplicates import Match, duplicates
from nlp.standing import best_first


class Candidate(Struct, frozen=True, kw_only=True):
    """One analysis on its way through the selection."""

    analysis: Analysis
    match: Match | None
    """The better article that it repeats, by its place among the candidates."""
    cluster: int | None


def rank(analyses: Sequence[Analysis], policy: SelectionPolicy) -> Ranking:
    """Merge near-duplicates, cluster, then keep the best within the caps.

    Deterministic: the best composite first, ties broken by URL, whatever the input's order.
    """
    order = best_first(analyses)
    candidates = _candidates([analyses[place] for place in order], policy)
    selection = Selection(policy)
    decided = [
        _merged(candidate, candidate.match, candidates[candidate.match.original])
        if candidate.match
        else selection.decide(candidate)
        for candidate in candidates
    ]
    by_place = dict(zip(order, decided, strict=True))
    return Ranking(
        kept=tuple(place for place in order if by_place[place].verdict is Verdict.KEPT),
        decisions=tuple(by_place[place] for place in range(len(analyses))),
    )


def _candidates(ordered: Sequence[Analysis], policy: SelectionPolicy) -> list[Candidate]:
    matches = duplicates(ordered, policy.dup_sim_threshold)
    originals = [place for place, match in enumerate(matches) if match is None]
    numbers: dict[int, int] = {}
    if policy.use_clustering:
        prints = [ordered[place].fingerprint for place in originals]
        found = clusters(prints, policy.clustering_threshold)
        numbers = dict(zip(originals, found, strict=True))
    return [
        Candidate(
            analysis=analysis,
            match=match,
            cluster=numbers.get(match.original if match else place),
        )
        for place, (analysis, match) in enumerate(zip(ordered, matches, strict=True))
    ]


class Selection:
    """What has been kept so far; candidates come best first."""

    def __init__(self, policy: SelectionPolicy) -> None:
        self._policy = policy
        self._kept: list[Candidate] = []
        self._of_domain: Counter[str] = Counter()
        self._of_cluster: Counter[int] = Counter()

    def decide(self, candidate: Candidate) -> Decision:
        """Keep the candidate, or say which limit speaks against it."""
        refused = self._refusal(candidate)
        if refused is not None:
            verdict, explanation = refused
            return _decision(candidate, verdict, explanation)
        self._keep(candidate)
        explanation = f"Rank {len(self._kept)} with {_score(candidate)}{self._shares(candidate)}."
        return _decision(candidate, Verdict.KEPT, explanation, rank=len(self._kept))

    def _refusal(self, candidate: Candidate) -> tuple[Verdict, str] | None:
        policy, score = self._policy, _score(candidate)
        if policy.max_articles is not None and len(self._kept) >= policy.max_articles:
            last = f", the last at {_score(self._kept[-1])}" if self._kept else ""
            told = f"Scored {score}, but all {policy.max_articles} places were taken{last}."
            return Verdict.BELOW_CUT, told
        if not policy.diversify:
            return None
        domain, cluster = candidate.analysis.article.domain, candidate.cluster
        if self._of_domain[domain] >= policy.domain_cap:
            told = f"Scored {score}, but {domain} already has its {policy.domain_cap}."
            return Verdict.OVER_DOMAIN_CAP, told
        if cluster is not None and self._of_cluster[cluster] >= policy.cluster_cap:
            told = f"Scored {score}, but cluster {cluster} already has its {policy.cluster_cap}."
            return Verdict.OVER_CLUSTER_CAP, told
        return None

    def _keep(self, candidate: Candidate) -> None:
        self._kept.append(candidate)
        self._of_domain[candidate.analysis.article.domain] += 1
        if candidate.cluster is not None:
            self._of_cluster[candidate.cluster] += 1

    def _shares(self, candidate: Candidate) -> str:
        """What the candidate took of the caps, where there are any."""
        if not self._policy.diversify:
            return ""
        domain, cluster = candidate.analysis.article.domain, candidate.cluster
        told = f": {self._of_domain[domain]} of at most {self._policy.domain_cap} from {domain}"
        if cluster is not None:
            count, cap = self._of_cluster[cluster], self._policy.cluster_cap
            told += f", {count} of at most {cap} in cluster {cluster}"
        return told


_SIGNS = {
    "canonical_url": "Has the same canonical URL as",
    "text_hash": "Has the same text as",
    "shingles": "Shares {percent} % of its 5-word phrases, or of the other's, with",
    "embedding": "Has title and lead at cosine {similarity:.3f} to",
}


def _merged(candidate: Candidate, match: Match, original: Candidate) -> Decision:
    sign = _SIGNS[match.matched_by].format(
        percent=round(100 * match.similarity), similarity=match.similarity
    )
    explanation = (
        f"{sign} {original.analysis.article.url}, which ranks before it "
        f"({_score(original)} against {_score(candidate)})."
    )
    return _decision(candidate, Verdict.DUPLICATE, explanation, match=match, original=original)


def _decision(
    candidate: Candidate,
    verdict: Verdict,
    explanation: str,
    *,
    rank: int | None = None,
    match: Match | None = None,
    original: Candidate | None = None,
) -> Decision:
    article = candidate.analysis.article
    return Decision(
        url=article.url,
        verdict=verdict,
        explanation=explanation,
        rank=rank,
        overall_score=candidate.analysis.scores.overall_score,
        domain=article.domain,
        cluster=candidate.cluster,
        duplicate_of=original.analysis.article.url if original else None,
        matched_by=match.matched_by if match else None,
        similarity=match.similarity if match else None,
    )


def _score(candidate: Candidate) -> str:
    return f"{candidate.analysis.scores.overall_score:.2f}"
