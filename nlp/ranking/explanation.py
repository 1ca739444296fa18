"""Decisions, each with one sentence that names the numbers that decided."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from nlp.decision import Decision, Match, NearestArticle, Verdict
from nlp.ranking.candidate import Candidate


class Refusal(Struct, frozen=True):
    """The limit that refuses an article."""

    verdict: Verdict
    cap: int
    last: str | None = None
    """The lowest score that was kept, where the list is full."""


_SIGNS = {
    "canonical_url": "Has the same canonical URL as",
    "text_hash": "Has the same text as",
    "shingles": "Shares {percent} % of its 5-word phrases, or of the other's, with",
    "embedding": "Has title and lead at cosine {similarity:.3f} to",
}
"""By `Match.matched_by`."""


def kept(
    candidate: Candidate,
    rank: int,
    shares: str,
    nearest: Candidate | None,
    stands_in_for: Candidate | None,
) -> Decision:
    explanation = f"Rank {rank} with {candidate.score}{shares}."
    if stands_in_for is None:
        return _decision(candidate, Verdict.KEPT, explanation, nearest, rank=rank)
    url = stands_in_for.article.url
    explanation += f" It takes the place of {url}, whose domain is at its cap."
    return _decision(candidate, Verdict.KEPT, explanation, nearest, rank=rank, stands_in_for=url)


def merged(
    candidate: Candidate, match: Match, original: Candidate, nearest: Candidate | None
) -> Decision:
    sign = _SIGNS[match.matched_by].format(
        percent=round(100 * match.similarity), similarity=match.similarity
    )
    return _decision(
        candidate,
        Verdict.DUPLICATE,
        f"{sign} {original.article.url}, which ranks before it "
        f"({original.own_score:.2f} against {candidate.own_score:.2f}, each by itself).",
        nearest,
        duplicate_of=original.article.url,
        matched_by=match.matched_by,
        similarity=match.similarity,
    )


def irrelevant(candidate: Candidate, floor: float, nearest: Candidate | None) -> Decision:
    card = candidate.scores
    explanation = (
        f"Its relevance is {card.relevance_score:.2f} ({card.tfidf_relevance_score:.2f} by words, "
        f"{card.semantic_relevance_score:.2f} by meaning), and {floor:g} is needed."
    )
    return _decision(candidate, Verdict.IRRELEVANT, explanation, nearest)


def refused(candidate: Candidate, refusal: Refusal, nearest: Candidate | None) -> Decision:
    cap = refusal.cap
    match refusal.verdict:
        case Verdict.OVER_DOMAIN_CAP:
            reason = f"{candidate.domain} already has its {cap}"
        case Verdict.OVER_CLUSTER_CAP:
            reason = f"cluster {candidate.cluster} already has its {cap}"
        case _:
            last = f", the last at {refusal.last}" if refusal.last else ""
            reason = f"all {cap} places were taken{last}"
    explanation = f"Scored {candidate.score}, but {reason}."
    return _decision(candidate, refusal.verdict, explanation, nearest, cap=cap)


def _decision(
    candidate: Candidate,
    verdict: Verdict,
    explanation: str,
    nearest: Candidate | None,
    **more: Any,
) -> Decision:
    return Decision(
        url=candidate.article.url,
        verdict=verdict,
        explanation=explanation,
        title=candidate.article.title,
        overall_score=candidate.scores.overall_score,
        scores=candidate.scores,
        domain=candidate.domain,
        cluster=candidate.cluster,
        nearest=_nearest_article(candidate, nearest),
        **more,
    )


def _nearest_article(candidate: Candidate, other: Candidate | None) -> NearestArticle | None:
    nearest = candidate.surveyed.nearest
    if nearest is None or other is None:
        return None
    return NearestArticle(
        url=other.article.url, containment=nearest.containment, cosine=nearest.cosine
    )
