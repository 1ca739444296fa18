"""A job of more than 5,000 articles: survey and selection find the planted copies and stories."""

from __future__ import annotations

from collections import Counter

import pytest

from nlp.analysis import Details, Evidence, Impression, Score, Study, Weights
from nlp.article import Article
from nlp.decision import Ranking, SelectionPolicy, Survey, SurveyRequest, Verdict
from nlp.embedding.embedder import HashingEmbedder
from nlp.neutral import NEUTRAL
from nlp.ranking.selection import Selection
from nlp.ranking.survey import survey
from nlp.scores.scorecard import composite_for, scorecard
from nlp.similarity.clusters import MAX_EXACT as MAX_EXACT_CLUSTERS
from nlp.similarity.clusters import clusters
from nlp.similarity.duplicates import MAX_EXACT, duplicates
from tests.bench.quality.events import bcubed
from tests.bench.synthetic import Planted, planted

COUNT = 6_000
"""With one copy in ten, more than 5,000 stay, so clusters too are found the way for many."""

POLICY = SelectionPolicy(max_articles=200)
COMPOSITE = composite_for(None, Weights())


def evidence_of(articles: Planted) -> list[Evidence]:
    """Articles whose scores fall in the order in which they were planted."""
    evidence = []
    for place, fingerprint in enumerate(articles.prints):
        score = Score(round(100 - 100 * place / len(articles.prints), 2))
        evidence.append(
            Evidence(
                article=Article(
                    url=articles.urls[place],
                    canonical_url=articles.urls[place],
                    domain=f"site{place % 500}.example",
                    title=f"Article {place}",
                    text="",
                    word_count=500,
                ),
                study=Study(
                    impression=Impression(
                        fingerprint=fingerprint, readability=score, sentiment=score
                    ),
                    details=Details(ner_density=Score(NEUTRAL)),
                    terms=None,
                    scores=scorecard(COMPOSITE, readability_score=score, sentiment_score=score),
                ),
            )
        )
    return evidence


@pytest.fixture(scope="module")
def articles() -> Planted:
    return planted(COUNT)


@pytest.fixture(scope="module")
def surveyed(articles: Planted) -> tuple[Survey, Ranking]:
    evidence = evidence_of(articles)
    request = SurveyRequest(evidence=tuple(evidence), query=None, policy=POLICY, weights=Weights())
    result = survey(request, HashingEmbedder())
    return result, Selection(evidence, result, POLICY, COMPOSITE).ranking()


def test_planted_copies_are_merged_and_nothing_else_is(
    articles: Planted, surveyed: tuple[Survey, Ranking]
) -> None:
    assert len(articles.prints) > MAX_EXACT
    merged = {at for at, article in enumerate(surveyed[0].articles) if article.match}
    copies = {at for at, original in enumerate(articles.copy_of) if original is not None}
    assert len(merged & copies) >= 0.98 * len(copies)
    assert len(merged & copies) >= 0.99 * len(merged)


def test_reports_of_one_story_are_clustered(
    articles: Planted, surveyed: tuple[Survey, Ranking]
) -> None:
    staying = [at for at, article in enumerate(surveyed[0].articles) if not article.match]
    assert len(staying) > MAX_EXACT_CLUSTERS
    numbers = [surveyed[0].articles[at].cluster or 0 for at in staying]
    events = [articles.event[at] for at in staying]
    assert bcubed(numbers, events).f1 > bcubed(range(len(events)), events).f1 + 0.1


def test_the_list_keeps_each_story_within_its_caps(surveyed: tuple[Survey, Ranking]) -> None:
    ranking = surveyed[1]
    kept = [ranking.decisions[place] for place in ranking.kept]
    assert len(kept) == POLICY.max_articles
    assert len(ranking.decisions) == COUNT
    assert max(Counter(decision.domain for decision in kept).values()) <= POLICY.domain_cap
    assert max(Counter(decision.cluster for decision in kept).values()) <= POLICY.cluster_cap
    verdicts = Counter(decision.verdict for decision in ranking.decisions)
    assert verdicts[Verdict.OVER_CLUSTER_CAP] > 0
    assert verdicts[Verdict.BELOW_CUT] > 0


def test_both_ways_agree_on_fewer_articles() -> None:
    few = planted(1_500, seed=2)
    exact = [one.match for one in duplicates(few.prints, few.urls, 0.97)]
    sampled = [one.match for one in duplicates(few.prints, few.urls, 0.97, max_exact=0)]
    agreeing = sum(
        (one and one.original) == (other and other.original)
        for one, other in zip(exact, sampled, strict=True)
    )
    assert agreeing >= 0.99 * len(exact)
    staying = [few.prints[at] for at, match in enumerate(exact) if match is None]
    assert bcubed(clusters(staying, 0.75, max_exact=0), clusters(staying, 0.75)).f1 >= 0.99
