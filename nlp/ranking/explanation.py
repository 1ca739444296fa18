"""Decisions, each with a sentence that says what speaks for the article or against it.

The numbers in a sentence are also fields of the decision, or of its scores.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec import Struct

from nlp.decision import Decision, Match, NearestArticle, Verdict
from nlp.ranking.candidate import Candidate

_DAY = dt.timedelta(days=1)

_RELEVANCE = ((45, "Squarely on the topic"), (25, "On the topic"), (12, "Partly on the topic"))
"""From this relevance on, in these words; what is below the last is hardly on the topic."""

_QUALITY = ((60, "Of good quality"), (40, "Of fair quality"))

KNOWN_PUBLISHER, HARD_TO_READ, ONE_SIDED = 75, 30, 40
"""Scores that a sentence mentions: a reputation from the first on, a readability and a neutrality
below the others."""

_SAME = {
    "canonical_url": "The same page as {url}",
    "text_hash": "The same text as {url}",
    "shingles": "Mostly the same text as {url} ({percent} % of its phrases, or of the other's)",
    "embedding": "Nearly the same title and lead as {url} ({percent} % alike)",
}
"""By `Match.matched_by`."""


class Circumstances(Struct, frozen=True):
    """What a sentence says of an article beside its scores."""

    nearest: Candidate | None
    sources_count: int
    """Sites that report its story, its own among them."""
    age: dt.timedelta | None
    """None where it has no date."""
    has_query: bool


class Refusal(Struct, frozen=True):
    """The limit that refuses an article."""

    verdict: Verdict
    cap: int
    last: float | None = None
    """The lowest score that was kept, where the list is full."""


def kept(
    candidate: Candidate, about: Circumstances, rank: int, stands_in_for: Candidate | None
) -> Decision:
    sentence = f"{_strengths(candidate, about)}{_weaknesses(candidate)}."
    if stands_in_for is None:
        return _decision(candidate, about, Verdict.KEPT, sentence, rank=rank)
    original = stands_in_for.article
    sentence += f" It takes the place of {original.url}, as {original.domain} is listed enough."
    return _decision(
        candidate, about, Verdict.KEPT, sentence, rank=rank, stands_in_for=original.url
    )


def merged(
    candidate: Candidate, about: Circumstances, match: Match, original: Candidate
) -> Decision:
    url = original.article.url
    same = _SAME[match.matched_by].format(url=url, percent=round(100 * match.similarity))
    ours, theirs = _compared(candidate.own_score, original.own_score)
    preferred = "is preferred" if ours == theirs else f"scores higher ({theirs} against {ours})"
    return _decision(
        candidate,
        about,
        Verdict.DUPLICATE,
        f"{same}, which {preferred}.",
        duplicate_of=url,
        matched_by=match.matched_by,
        similarity=match.similarity,
        own_score=candidate.own_score,
        original_score=original.own_score,
    )


def irrelevant(candidate: Candidate, about: Circumstances, floor: float) -> Decision:
    relevance, needed = _compared(candidate.scores.relevance_score, floor)
    return _decision(
        candidate,
        about,
        Verdict.IRRELEVANT,
        f"Beside the topic: its relevance is {relevance}, and {needed} is needed.",
        min_relevance=floor,
    )


def refused(candidate: Candidate, about: Circumstances, refusal: Refusal) -> Decision:
    cap = refusal.cap
    match refusal.verdict:
        case Verdict.OVER_DOMAIN_CAP:
            reason = f"{candidate.domain} already has {_counted(cap, 'article')} in the list"
        case Verdict.OVER_CLUSTER_CAP:
            reports = _counted(cap, "report")
            reason = f"the list already has {reports} of its story"
        case _:
            reason = _below_the_cut(candidate, refusal)
    return _decision(
        candidate,
        about,
        refusal.verdict,
        f"{_strengths(candidate, about)}, but {reason}.",
        cap=cap,
        last_score=refusal.last,
        highest_score=None if candidate.detailed else candidate.upper_bound,
    )


def _below_the_cut(candidate: Candidate, refusal: Refusal) -> str:
    if refusal.last is None:
        return "the list has no places"
    ours, last = _compared(candidate.upper_bound, refusal.last)
    at_most = "" if candidate.detailed else "at most "
    places = "the only place" if refusal.cap == 1 else f"all {refusal.cap} places"
    return f"{places} went to articles with {last} or more, and it has {at_most}{ours}"


def _strengths(candidate: Candidate, about: Circumstances) -> str:
    """What speaks for the article; the beginning of a sentence."""
    scores = candidate.scores
    if about.has_query:
        degree = _in_words(scores.relevance_score, _RELEVANCE, "Hardly on the topic")
        parts = [f"{degree} (relevance {scores.relevance_score:.0f})"]
    else:
        degree = _in_words(scores.overall_score, _QUALITY, "Of low quality")
        parts = [f"{degree} (score {scores.overall_score:.0f})"]
    if about.age is not None:
        parts.append(_age(about.age))
    if about.sources_count > 1:
        parts.append(f"reported by {about.sources_count} sites")
    if scores.reputation_score >= KNOWN_PUBLISHER:
        parts.append(f"from a publisher of repute ({scores.reputation_score:.0f})")
    return ", ".join(parts)


def _weaknesses(candidate: Candidate) -> str:
    """What speaks against an article that is kept all the same; the end of a sentence."""
    scores = candidate.scores
    parts = []
    if scores.readability_score < HARD_TO_READ:
        parts.append(f"hard to read ({scores.readability_score:.0f})")
    if scores.sentiment_score < ONE_SIDED:
        parts.append(f"not neutral in tone ({scores.sentiment_score:.0f})")
    return f", but {' and '.join(parts)}" if parts else ""


def _in_words(value: float, degrees: tuple[tuple[int, str], ...], lowest: str) -> str:
    """By the value as it is shown, without decimals."""
    return next((words for least, words in degrees if round(value) >= least), lowest)


def _age(age: dt.timedelta) -> str:
    hours, days = int(age / dt.timedelta(hours=1)), int(age / _DAY)
    for count, unit in (
        (days // 365, "year"),
        (days // 30 if days >= 60 else 0, "month"),
        (days // 7 if days >= 14 else 0, "week"),
        (days, "day"),
        (hours, "hour"),
    ):
        if count > 0:
            article = "an" if unit == "hour" else "a"
            return f"{article} {unit} old" if count == 1 else f"{count} {unit}s old"
    return "less than an hour old"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _compared(ours: float, theirs: float) -> tuple[str, str]:
    """Two scores, with as many decimals as tell them apart."""
    pairs = [(f"{ours:.{digits}f}", f"{theirs:.{digits}f}") for digits in (0, 1, 2)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def _decision(
    candidate: Candidate, about: Circumstances, verdict: Verdict, explanation: str, **more: Any
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
        sources_count=about.sources_count,
        age_days=None if about.age is None else round(about.age / _DAY, 2),
        nearest=_nearest_article(candidate, about.nearest),
        **more,
    )


def _nearest_article(candidate: Candidate, other: Candidate | None) -> NearestArticle | None:
    nearest = candidate.surveyed.nearest
    if nearest is None or other is None:
        return None
    return NearestArticle(
        url=other.article.url, containment=nearest.containment, cosine=nearest.cosine
    )
