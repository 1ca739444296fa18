"""Why an article was kept or not, as a sentence with the numbers that decided."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from nlp.decision import Decision, Match, NearestArticle, Verdict
from nlp.ranking.candidate import Candidate


class Refusal(Struct, frozen=True):
    """Which limit speaks against an article."""

    verdict: Verdict
    cap: int
    last: str | None = None
    """Of what is below the cut: the score of the last that was kept."""


_SIGNS = {
    "canonical_url": "Has the same canonical URL as",
    "text_hash": "Has the same text as",
    "shingles": "Shares {percent} % of its 5-word phrases, or of the other's, with",
    "embedding": "Has title and lead at cosine {similarity:.3f} to",
}


def kept(
    one: Candidate,
    rank: int,
    shares: str,
    nearest: Candidate | None,
    stands_in_for: Candidate | None,
) -> Decision:
    told = f"Rank {rank} with {one.score}{shares}."
    if stands_in_for is None:
        return _decision(one, Verdict.KEPT, told, nearest, rank=rank)
    url = stands_in_for.article.url
    told += f" It tells the story of {url}, whose domain had its share."
    return _decision(one, Verdict.KEPT, told, nearest, rank=rank, stands_in_for=url)


def merged(
    one: Candidate, match: Match, original: Candidate, nearest: Candidate | None
) -> Decision:
    sign = _SIGNS[match.matched_by].format(
        percent=round(100 * match.similarity), similarity=match.similarity
    )
    return _decision(
        one,
        Verdict.DUPLICATE,
        f"{sign} {original.article.url}, which stands before it "
        f"({_alone(original)} against {_alone(one)}, each by itself).",
        nearest,
        duplicate_of=original.article.url,
        matched_by=match.matched_by,
        similarity=match.similarity,
    )


def irrelevant(one: Candidate, floor: float, nearest: Candidate | None) -> Decision:
    card = one.scores
    told = (
        f"Its relevance is {card.relevance_score:.2f} ({card.tfidf_relevance_score:.2f} by words, "
        f"{card.semantic_relevance_score:.2f} by meaning), and {floor:g} is needed."
    )
    return _decision(one, Verdict.IRRELEVANT, told, nearest)


def refused(one: Candidate, refusal: Refusal, nearest: Candidate | None) -> Decision:
    cap = refusal.cap
    match refusal.verdict:
        case Verdict.OVER_DOMAIN_CAP:
            why = f"{one.article.domain} already has its {cap}"
        case Verdict.OVER_CLUSTER_CAP:
            why = f"cluster {one.surveyed.cluster} already has its {cap}"
        case _:
            last = f", the last at {refusal.last}" if refusal.last else ""
            why = f"all {cap} places were taken{last}"
    told = f"Scored {one.score}, but {why}."
    return _decision(one, refusal.verdict, told, nearest, cap=cap)


def _alone(one: Candidate) -> str:
    """The composite that decides which of two copies stays: see `nlp.ranking.survey`."""
    return f"{one.evidence.study.scores.overall_score:.2f}"


def _decision(
    one: Candidate,
    verdict: Verdict,
    explanation: str,
    nearest: Candidate | None,
    **more: Any,
) -> Decision:
    return Decision(
        url=one.article.url,
        verdict=verdict,
        explanation=explanation,
        title=one.article.title,
        overall_score=one.scores.overall_score,
        scores=one.scores,
        domain=one.article.domain,
        cluster=one.surveyed.cluster,
        nearest=_nearest(one, nearest),
        **more,
    )


def _nearest(one: Candidate, other: Candidate | None) -> NearestArticle | None:
    found = one.surveyed.nearest
    if found is None or other is None:
        return None
    return NearestArticle(url=other.article.url, containment=found.containment, cosine=found.cosine)
