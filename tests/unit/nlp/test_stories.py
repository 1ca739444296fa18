"""Each result names who else reports its story, and each sentence what speaks for the article."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec.structs import replace

from nlp.analysis import Evidence, Weights
from nlp.decision import Decision, Ranking, SelectionPolicy, Verdict
from nlp.similarity.fingerprint import embedding_of
from tests.unit.nlp.samples import NOW, evidence, select
from tests.unit.nlp.test_selection import (
    at_angle,
    print_of,
    print_without_terms,
    with_counts,
    with_print,
)

POLICY = SelectionPolicy(diversify=False)


def copy_of(original: Evidence, url: str, score: float, byline: str = "") -> Evidence:
    text = byline + original.article.text
    copy = evidence(url=url, score=score, text=text)
    vector = embedding_of(print_of(original))
    return with_print(copy, print_without_terms(text, vector))


def story() -> list[Evidence]:
    """One story told by two sites in their own words, and copied by two more."""
    first = at_angle(0, url="https://a.example/1", score=80, seed=1)
    return [
        first,
        at_angle(15, url="https://b.example/1", score=70, seed=2),
        copy_of(first, "https://c.example/1", 60, "By Jo. "),
        copy_of(first, "https://a.example/1?utm_source=feed", 50),
        at_angle(90, url="https://other.example/1", score=20, seed=9),
    ]


def kept(ranking: Ranking) -> list[Decision]:
    return [ranking.decisions[place] for place in ranking.kept]


def test_a_result_names_the_other_reports_of_its_story() -> None:
    ranking = select(story(), POLICY)
    assert [d.url for d in kept(ranking)] == [
        "https://a.example/1",
        "https://b.example/1",
        "https://other.example/1",
    ]
    first, second, other = ranking.stories
    named = [(each.domain, each.is_copy) for each in first.also_reported_by]
    assert named == [("b.example", False), ("c.example", True)]
    assert [(each.domain, each.is_copy) for each in second.also_reported_by] == [
        ("a.example", False),
        ("c.example", False),
    ]
    assert (first.sources_count, second.sources_count, other.sources_count) == (3, 3, 1)
    assert other.also_reported_by == ()


def test_without_clusters_a_story_is_what_its_copies_tell() -> None:
    ranking = select(story(), replace(POLICY, use_clustering=False))
    first, second, _ = ranking.stories
    assert [(each.domain, each.is_copy) for each in first.also_reported_by] == [("c.example", True)]
    assert (first.sources_count, second.sources_count) == (2, 1)


def test_a_large_story_is_counted_in_full_and_named_in_part() -> None:
    crowd = [
        at_angle(n / 10, url=f"https://site{n}.example/1", score=80 - n, seed=n) for n in range(30)
    ]
    ranking = select(crowd, replace(POLICY, dup_sim_threshold=1.1))
    assert {len(each.also_reported_by) for each in ranking.stories} == {10}
    assert {each.sources_count for each in ranking.stories} == {30}


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (dt.timedelta(minutes=5), "less than an hour old"),
        (dt.timedelta(hours=-3), "less than an hour old"),
        (dt.timedelta(hours=1), "an hour old"),
        (dt.timedelta(hours=23, minutes=50), "23 hours old"),
        (dt.timedelta(days=1), "a day old"),
        (dt.timedelta(days=13), "13 days old"),
        (dt.timedelta(days=20), "2 weeks old"),
        (dt.timedelta(days=75), "2 months old"),
        (dt.timedelta(days=364), "12 months old"),
        (dt.timedelta(days=800), "2 years old"),
    ],
)
def test_the_sentence_tells_the_age(age: dt.timedelta, words: str) -> None:
    made = at_angle(0, url="https://a.example/1", seed=1)
    dated = replace(made, article=replace(made.article, publish_date=NOW - age))
    (decision,) = select([dated], POLICY, now=NOW).decisions
    assert decision.explanation == f"Of fair quality (score 50), {words}."
    assert decision.age_days == round(max(age, dt.timedelta(0)) / dt.timedelta(days=1), 2)


def test_with_a_query_the_sentence_begins_with_the_topic() -> None:
    query = "harbour museum"
    articles = [with_counts(article, query) for article in story()]
    ranking = select(articles, POLICY, Weights(), query=query, now=NOW)
    first = kept(ranking)[0]
    assert first.scores
    relevance = first.scores.relevance_score
    assert first.explanation.endswith(f"(relevance {relevance:.0f}), reported by 3 sites.")
    assert "n the topic" in first.explanation
    assert (first.sources_count, first.age_days) == (3, None)


def test_what_speaks_against_a_kept_article_is_told() -> None:
    made = at_angle(0, url="https://a.example/1", score=20, seed=1)
    scores = replace(made.study.scores, sentiment_score=31.0)
    slanted = replace(made, study=replace(made.study, scores=scores))
    (decision,) = select([slanted], POLICY).decisions
    assert decision.explanation == (
        "Of low quality (score 20), but hard to read (20) and not neutral in tone (31)."
    )


def test_no_sentence_names_a_cluster() -> None:
    decisions = select(story(), SelectionPolicy(cluster_cap=1)).decisions
    (over,) = [each for each in decisions if each.verdict is Verdict.OVER_CLUSTER_CAP]
    assert over.explanation == (
        "Of good quality (score 70), reported by 3 sites, but the list already has 1 report of its "
        "story."
    )
    assert not any("cluster" in each.explanation for each in decisions)
