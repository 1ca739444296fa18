"""No two copies, caps that cap, one decision each, whatever the order of the candidates."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nlp.analysis import Details, Evidence, Fingerprint, Score, Weights
from nlp.decision import Decision, SelectionPolicy, Verdict
from nlp.embedding.embedder import Vectors
from nlp.neutral import NEUTRAL
from nlp.scores.scorecard import composite_for, rescored
from nlp.similarity.clusters import clusters
from nlp.similarity.fingerprint import fingerprint
from nlp.text.query_terms import term_counts
from tests.unit.nlp.samples import evidence, prose, select

FREE = SelectionPolicy(use_clustering=False, diversify=False)


@cache
def at_angle(degrees: float, *, url: str, score: float = 50.0, seed: int = 0) -> Evidence:
    """An article whose embedding stands at an angle in a plane, and alone tells its story."""
    made = evidence(url=url, score=score, seed=seed)
    angle = np.radians(degrees)
    vector = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
    return with_print(made, print_without_terms(made.article.text, vector))


def print_without_terms(text: str, vector: Vectors) -> Fingerprint:
    return replace(fingerprint(text, vector), story_words=b"", story_names=b"")


def with_print(made: Evidence, found: Fingerprint) -> Evidence:
    impression = replace(made.study.impression, fingerprint=found)
    return replace(made, study=replace(made.study, impression=impression))


def print_of(made: Evidence) -> Fingerprint:
    return made.study.impression.fingerprint


def decided(articles: list[Evidence], policy: SelectionPolicy = FREE) -> dict[str, Decision]:
    return {decision.url: decision for decision in select(articles, policy).decisions}


def test_nothing_in_nothing_out() -> None:
    assert select([], SelectionPolicy()) == select([], FREE)


@pytest.mark.parametrize(
    ("copy", "matched_by"),
    [
        (evidence(url="https://a.example/1?utm_source=x", score=40, seed=2), "canonical_url"),
        (evidence(url="https://b.example/1", score=40, text=prose(1).upper()), "text_hash"),
        (evidence(url="https://b.example/2", score=40, text="By Jo. " + prose(1)), "shingles"),
        (evidence(url="https://b.example/3", score=40, text=prose(1)[:1500]), "shingles"),
    ],
)
def test_a_copy_is_merged_into_the_better_one(copy: Evidence, matched_by: str) -> None:
    original = evidence(url="https://a.example/1", score=60, seed=1)
    found = decided([copy, original])[copy.article.url]
    assert found.verdict is Verdict.DUPLICATE
    assert (found.matched_by, found.duplicate_of) == (matched_by, original.article.url)
    assert original.article.url in found.explanation
    assert "which scores higher (60 against 40)." in found.explanation
    assert (found.own_score, found.original_score) == (40.0, 60.0)
    assert found.nearest is None or found.nearest.url == original.article.url
    assert select([copy, original], FREE).kept == (1,)


def test_a_near_embedding_is_a_duplicate_from_its_threshold_on() -> None:
    original = at_angle(0, url="https://a.example/1", score=60, seed=1)
    near = at_angle(10, url="https://b.example/1", seed=2)
    strict, loose = (replace(FREE, dup_sim_threshold=cosine) for cosine in (0.99, 0.98))
    assert decided([original, near], strict)[near.article.url].verdict is Verdict.KEPT
    merged = decided([original, near], loose)[near.article.url]
    assert merged.matched_by == "embedding"
    assert merged.similarity == pytest.approx(0.9848)


def test_a_phrase_shared_by_two_short_notices_makes_no_duplicate() -> None:
    notice = "The library is closed on Monday because of works."
    other = "The library is closed on Monday because of works, says the mayor, who regrets it."
    pair = [
        evidence(url="https://a.example/1", title="Works", text=notice),
        evidence(url="https://b.example/1", title="Mayor speaks", text=other),
    ]
    assert len(select(pair, replace(FREE, dup_sim_threshold=1.1)).kept) == 2


def test_a_chain_of_small_changes_does_not_swallow_its_far_end() -> None:
    chain = [
        at_angle(angle, url=f"https://a{angle}.example/1", score=90 - angle, seed=angle)
        for angle in (0, 10, 20)
    ]
    found = select(chain, replace(FREE, dup_sim_threshold=0.98))
    assert found.kept == (0, 2)


def test_equal_scores_are_ordered_by_url() -> None:
    pair = [
        at_angle(angle, url=f"https://{name}.example/1", seed=angle)
        for name, angle in (("b", 0), ("a", 90))
    ]
    assert select(pair, FREE).kept == (1, 0)


def test_the_domain_cap_holds_over_its_subdomains() -> None:
    same = [
        at_angle(score, url=f"https://{host}.wire.example/1", score=score, seed=score)
        for host, score in (("a", 80), ("b", 50), ("c", 20))
    ]
    policy = SelectionPolicy(use_clustering=False)
    last = decided(same, policy)["https://c.wire.example/1"]
    assert last.verdict is Verdict.OVER_DOMAIN_CAP
    assert last.explanation == (
        "Of low quality (score 20), but wire.example already has 2 articles in the list."
    )
    assert last.cap == 2
    assert len(select(same, replace(policy, diversify=False)).kept) == 3


def test_a_story_that_the_cap_of_one_domain_refuses_is_told_by_another() -> None:
    first = [
        at_angle(90 + 90 * n, url=f"https://wire.example/{n}", score=90, seed=5 + n)
        for n in range(2)
    ]
    third = at_angle(0, url="https://wire.example/3", score=80, seed=1)
    copies = [
        at_angle(0, url=f"https://{name}.example/4", score=score, seed=1)
        for name, score in (("low", 10), ("wire", 70), ("other", 60))
    ]
    found = decided([*first, third, *copies], SelectionPolicy(use_clustering=False))
    assert found[third.article.url].verdict is Verdict.OVER_DOMAIN_CAP
    told = found["https://other.example/4"]
    assert (told.verdict, told.rank) == (Verdict.KEPT, 3)
    assert told.stands_in_for == third.article.url
    assert "wire.example is listed enough" in told.explanation
    assert found["https://low.example/4"].verdict is Verdict.DUPLICATE


def test_the_cluster_cap_holds() -> None:
    story = [
        at_angle(angle * 15, url=f"https://a{angle}.example/1", score=90 - angle, seed=angle)
        for angle in range(3)
    ]
    other = at_angle(90, url="https://other.example/1", score=10, seed=9)
    found = decided([*story, other], SelectionPolicy(cluster_cap=2))
    assert found["https://a2.example/1"].verdict is Verdict.OVER_CLUSTER_CAP
    assert found["https://other.example/1"].verdict is Verdict.KEPT
    assert found["https://other.example/1"].cluster == 1


def test_below_the_cut_says_how_far() -> None:
    pair = [at_angle(n, url=f"https://a.example/{n}", score=n, seed=n) for n in (70, 30)]
    found = decided(pair, replace(FREE, max_articles=1))["https://a.example/30"]
    assert found.verdict is Verdict.BELOW_CUT
    assert found.explanation == (
        "Of low quality (score 30), but the only place went to articles with 70 or more, and it "
        "has 30."
    )
    assert (found.last_score, found.highest_score) == (70.0, None)


def test_average_linkage_does_not_chain_stories_together() -> None:
    prints = [
        print_of(at_angle(angle, url=f"https://a.example/{angle}")) for angle in range(0, 181, 20)
    ]
    assert len(set(clusters(prints, 0.75))) >= 3


def test_an_article_without_embedding_stands_alone() -> None:
    lost = [evidence(url=f"https://{name}.example/1", seed=ord(name)) for name in "ab"]
    blank = [with_print(made, replace(print_of(made), embedding=bytes(1024))) for made in lost]
    found = select(blank, SelectionPolicy())
    assert len(found.kept) == 2
    assert {decision.cluster for decision in found.decisions} == {0, 1}


CANDIDATES = st.lists(
    st.tuples(
        st.sampled_from(["a.example", "b.example", "w.b.example", "c.example"]),
        st.integers(min_value=0, max_value=5),  # the path, so that URLs repeat
        st.sampled_from([30.0, 50.0, 70.0]),
        st.integers(min_value=0, max_value=6),  # the text, so that texts repeat
        st.integers(min_value=0, max_value=8),  # the angle
    ),
    max_size=14,
)
POLICIES = st.builds(
    SelectionPolicy,
    diversify=st.booleans(),
    max_articles=st.none() | st.integers(min_value=0, max_value=6),
    domain_cap=st.integers(min_value=1, max_value=3),
    cluster_cap=st.integers(min_value=1, max_value=3),
    use_clustering=st.booleans(),
    min_relevance=st.sampled_from([0.0, 30.0]),
)
QUERIES = st.none() | st.sampled_from(["harbour bridge", "museum in spring", "nothing of it"])


def made(
    candidates: list[tuple[str, int, float, int, int]], query: str | None = None
) -> list[Evidence]:
    articles = [
        at_angle(20 * angle, url=f"https://{host}/{path}", score=score, seed=seed)
        for host, path, score, seed, angle in candidates
    ]
    return [with_counts(article, query) for article in articles] if query else articles


def with_counts(made: Evidence, query: str) -> Evidence:
    counts = term_counts(query, made.article.title, made.article.text)
    return replace(made, study=replace(made.study, terms=counts))


@given(CANDIDATES, POLICIES, QUERIES)
def test_the_promises_of_a_ranking(
    candidates: list[tuple[str, int, float, int, int]], policy: SelectionPolicy, query: str | None
) -> None:
    articles = made(candidates, query)
    ranking = select(articles, policy, query=query)
    assert [decision.url for decision in ranking.decisions] == [a.article.url for a in articles]
    assert all(decision.explanation.endswith(".") for decision in ranking.decisions)
    kept = [ranking.decisions[place] for place in ranking.kept]
    assert [decision.rank for decision in kept] == list(range(1, len(kept) + 1))
    scores = [decision.overall_score or 0.0 for decision in kept]
    assert scores == sorted(scores, reverse=True)
    assert policy.max_articles is None or len(kept) <= policy.max_articles
    if policy.diversify:
        assert max(Counter(d.domain for d in kept).values(), default=0) <= policy.domain_cap
        in_clusters = Counter(d.cluster for d in kept if d.cluster is not None)
        assert max(in_clusters.values(), default=0) <= policy.cluster_cap
    texts = [print_of(articles[place]).text_sha256 for place in ranking.kept]
    urls = [articles[place].article.canonical_url for place in ranking.kept]
    assert len(set(texts)) == len(texts)
    assert len(set(urls)) == len(urls)
    for decision in ranking.decisions:
        assert (decision.verdict is Verdict.DUPLICATE) == (decision.duplicate_of is not None)


@given(CANDIDATES, POLICIES, QUERIES, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(
    candidates: list[tuple[str, int, float, int, int]],
    policy: SelectionPolicy,
    query: str | None,
    shuffled: random.Random,
) -> None:
    articles = made(candidates, query)
    mixed = articles.copy()
    shuffled.shuffle(mixed)
    one, other = (select(order, policy, query=query) for order in (articles, mixed))
    assert [articles[p].article.url for p in one.kept] == [mixed[p].article.url for p in other.kept]
    assert sorted(map(repr, one.decisions)) == sorted(map(repr, other.decisions))


HALF_ENTITIES = Weights(
    readability=0.5, ner=0.5, sentiment=0, relevance=0, recency=0, reputation=0, coherence=0
)
DENSITIES = st.lists(st.sampled_from([0.0, 20.0, 50.0, 100.0]), min_size=14, max_size=14)


Outcome = list[tuple[str, Verdict, str | None, str | None, int | None]]


def outcome(
    candidates: list[tuple[str, int, float, int, int]],
    policy: SelectionPolicy,
    densities: list[float],
    known: Callable[[int], bool],
    query: str | None = None,
) -> tuple[list[str], Outcome]:
    """What is kept, and each decision, if the details of the `known` places come with the articles.

    Of these candidates, which all have a URL of their own, each has the entity density at its place
    in `densities`.
    """
    articles = each_url_once(made(candidates, query))
    by_url = {
        article.article.url: density for article, density in zip(articles, densities, strict=False)
    }
    articles = [
        with_density(article, by_url[article.article.url] if known(place) else None, query)
        for place, article in enumerate(articles)
    ]
    ranking = select(articles, policy, HALF_ENTITIES, by_url, query)
    decisions = [
        (d.url, d.verdict, d.duplicate_of, d.stands_in_for, d.rank) for d in ranking.decisions
    ]
    scores = [ranking.decisions[place].overall_score or 0.0 for place in ranking.kept]
    assert scores == sorted(scores, reverse=True)
    return [articles[place].article.url for place in ranking.kept], decisions


@given(CANDIDATES, POLICIES, DENSITIES, st.sets(st.integers(min_value=0, max_value=13)), QUERIES)
def test_it_does_not_matter_which_details_are_known_beforehand(
    candidates: list[tuple[str, int, float, int, int]],
    policy: SelectionPolicy,
    densities: list[float],
    cached: set[int],
    query: str | None,
) -> None:
    lazy = outcome(candidates, policy, densities, lambda _: False, query)
    assert lazy == outcome(candidates, policy, densities, lambda _: True, query)
    assert lazy == outcome(candidates, policy, densities, cached.__contains__, query)


def test_which_of_two_copies_stays_does_not_depend_on_cached_details() -> None:
    copies = [("a.example", 0, 50.0, 1, 0), ("b.example", 0, 30.0, 1, 0)]
    policy = SelectionPolicy(use_clustering=False)
    densities = [0.0, 100.0]
    kept, decisions = outcome(copies, policy, densities, known=lambda _: False)
    assert kept == ["https://a.example/0"]
    assert (kept, decisions) == outcome(copies, policy, densities, known=lambda _: True)


def test_which_of_several_copies_stands_in_is_decided_by_their_details() -> None:
    """The better one by its details, 50 against 40, has the lower score without them."""
    candidates = [
        ("a.example", 0, 70.0, 0, 0),
        ("a.example", 1, 50.0, 1, 4),
        ("b.example", 0, 50.0, 1, 4),
        ("c.example", 0, 30.0, 1, 4),
    ]
    policy = SelectionPolicy(use_clustering=False, domain_cap=1)
    densities = [100.0, 0.0, 0.0, 100.0]
    kept, decisions = outcome(candidates, policy, densities, known=lambda _: False)
    assert kept == ["https://a.example/0", "https://c.example/0"]
    assert decisions[3][1:4] == (Verdict.KEPT, None, "https://a.example/1")
    assert decisions[2][1:3] == (Verdict.DUPLICATE, "https://a.example/1")
    assert (kept, decisions) == outcome(candidates, policy, densities, known=lambda _: True)


def test_the_limit_that_refuses_an_article_does_not_depend_on_its_details() -> None:
    """Of 60 at most, the second of the full domain is refused before the list is full; by its score
    of 10 it would come after that."""
    candidates = [
        ("a.example", 0, 70.0, 0, 0),
        ("a.example", 1, 30.0, 1, 4),
        ("b.example", 0, 30.0, 2, 8),
    ]
    policy = SelectionPolicy(use_clustering=False, domain_cap=1, max_articles=2)
    densities = [100.0, 0.0, 20.0]
    kept, decisions = outcome(candidates, policy, densities, known=lambda _: True)
    assert kept == ["https://a.example/0", "https://b.example/0"]
    assert decisions[1][1] is Verdict.OVER_DOMAIN_CAP
    assert (kept, decisions) == outcome(candidates, policy, densities, known=lambda _: False)


def test_only_those_that_may_be_kept_are_looked_at() -> None:
    articles = [
        at_angle(40 * n, url=f"https://a{n}.example/1", score=80 - 30 * n, seed=n) for n in range(3)
    ]
    unknown = [replace(one, study=replace(one.study, details=None)) for one in articles]
    slight = Weights(
        readability=0.9, ner=0.1, sentiment=0, relevance=0, recency=0, reputation=0, coherence=0
    )
    policy = replace(FREE, max_articles=1)
    found = select(
        unknown, policy, slight, {"https://a0.example/1": 50, "https://a1.example/1": 50}
    )
    assert found.kept == (0,)
    assert "at most" in found.decisions[2].explanation
    assert found.decisions[2].highest_score == 28.0


def test_what_is_not_relevant_is_dropped_with_its_numbers() -> None:
    found = decided([evidence()], replace(FREE, min_relevance=60))["https://a.example/1"]
    assert found.verdict is Verdict.IRRELEVANT
    assert found.explanation == "Beside the topic: its relevance is 50, and 60 is needed."
    assert found.min_relevance == 60


def test_a_relevance_just_below_the_floor_is_told_apart_from_it() -> None:
    found = decided([evidence()], replace(FREE, min_relevance=50.04))["https://a.example/1"]
    assert found.explanation == "Beside the topic: its relevance is 50.00, and 50.04 is needed."


def each_url_once(articles: list[Evidence]) -> list[Evidence]:
    return list({one.article.url: one for one in articles}.values())


def with_density(one: Evidence, density: float | None, query: str | None = None) -> Evidence:
    """The article with details of this entity density; without details if that is None."""
    score = Score(NEUTRAL if density is None else density)
    details = None if density is None else Details(ner_density=score)
    composite = composite_for(query, HALF_ENTITIES)
    scores = rescored(one.study.scores, composite, ner_density_score=score)
    return replace(one, study=replace(one.study, details=details, scores=scores))
