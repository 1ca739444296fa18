"""No two copies, caps that cap, one decision each, whatever the order of the candidates."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nlp.analysis import Analysis
from nlp.clusters import clusters
from nlp.decision import Decision, SelectionPolicy, Verdict
from nlp.fingerprint import fingerprint
from nlp.ranking import rank
from tests.unit.nlp.samples import analysis, prose

FREE = SelectionPolicy(use_clustering=False, diversify=False)


def at_angle(degrees: float, *, url: str, score: float = 50.0, seed: int = 0) -> Analysis:
    """An analysis whose embedding stands at an angle in a plane; its text is its own."""
    made = analysis(url=url, score=score, seed=seed)
    angle = np.radians(degrees)
    vector = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
    return replace(made, fingerprint=fingerprint(made.article.text, vector))


def decided(analyses: list[Analysis], policy: SelectionPolicy = FREE) -> dict[str, Decision]:
    return {decision.url: decision for decision in rank(analyses, policy).decisions}


def test_nothing_in_nothing_out() -> None:
    assert rank([], SelectionPolicy()) == rank([], FREE)


@pytest.mark.parametrize(
    ("copy", "matched_by"),
    [
        (analysis(url="https://a.example/1?utm_source=x", score=40, seed=2), "canonical_url"),
        (analysis(url="https://b.example/1", score=40, text=prose(1).upper()), "text_hash"),
        (analysis(url="https://b.example/2", score=40, text="By Jo. " + prose(1)), "shingles"),
        (analysis(url="https://b.example/3", score=40, text=prose(1)[:1500]), "shingles"),
    ],
)
def test_a_copy_is_merged_into_the_better_one(copy: Analysis, matched_by: str) -> None:
    original = analysis(url="https://a.example/1", score=60, seed=1)
    found = decided([copy, original])[copy.article.url]
    assert found.verdict is Verdict.DUPLICATE
    assert (found.matched_by, found.duplicate_of) == (matched_by, original.article.url)
    assert "60.00 against 40.00" in found.explanation
    assert rank([copy, original], FREE).kept == (1,)


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
        analysis(url="https://a.example/1", title="Works", text=notice),
        analysis(url="https://b.example/1", title="Mayor speaks", text=other),
    ]
    assert len(rank(pair, replace(FREE, dup_sim_threshold=1.1)).kept) == 2


def test_a_chain_of_small_changes_does_not_swallow_its_far_end() -> None:
    chain = [
        at_angle(angle, url=f"https://a{angle}.example/1", score=90 - angle, seed=angle)
        for angle in (0, 10, 20)
    ]
    found = rank(chain, replace(FREE, dup_sim_threshold=0.98))
    assert found.kept == (0, 2)


def test_equal_scores_are_ordered_by_url() -> None:
    pair = [
        at_angle(angle, url=f"https://{name}.example/1", seed=angle)
        for name, angle in (("b", 0), ("a", 90))
    ]
    assert rank(pair, FREE).kept == (1, 0)


def test_the_domain_cap_holds_over_its_subdomains() -> None:
    same = [
        at_angle(score, url=f"https://{host}.wire.example/1", score=score, seed=score)
        for host, score in (("a", 80), ("b", 50), ("c", 20))
    ]
    policy = SelectionPolicy(use_clustering=False)
    last = decided(same, policy)["https://c.wire.example/1"]
    assert last.verdict is Verdict.OVER_DOMAIN_CAP
    assert last.explanation == "Scored 20.00, but wire.example already has its 2."
    assert len(rank(same, replace(policy, diversify=False)).kept) == 3


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
    assert found.explanation == "Scored 30.00, but all 1 places were taken, the last at 70.00."


def test_average_linkage_does_not_chain_stories_together() -> None:
    prints = [
        at_angle(angle, url=f"https://a.example/{angle}").fingerprint for angle in range(0, 181, 20)
    ]
    assert len(set(clusters(prints, 0.75))) >= 3


def test_an_article_without_embedding_stands_alone() -> None:
    lost = [analysis(url=f"https://{name}.example/1", seed=ord(name)) for name in "ab"]
    blank = [
        replace(made, fingerprint=replace(made.fingerprint, embedding=bytes(1024))) for made in lost
    ]
    found = rank(blank, SelectionPolicy())
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
)


def made(candidates: list[tuple[str, int, float, int, int]]) -> list[Analysis]:
    return [
        at_angle(20 * angle, url=f"https://{host}/{path}", score=score, seed=seed)
        for host, path, score, seed, angle in candidates
    ]


@given(CANDIDATES, POLICIES)
def test_the_promises_of_a_ranking(
    candidates: list[tuple[str, int, float, int, int]], policy: SelectionPolicy
) -> None:
    analyses = made(candidates)
    ranking = rank(analyses, policy)
    assert [decision.url for decision in ranking.decisions] == [a.article.url for a in analyses]
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
    texts = [analyses[place].fingerprint.text_sha256 for place in ranking.kept]
    urls = [analyses[place].article.canonical_url for place in ranking.kept]
    assert len(set(texts)) == len(texts)
    assert len(set(urls)) == len(urls)
    for decision in ranking.decisions:
        assert (decision.verdict is Verdict.DUPLICATE) == (decision.duplicate_of is not None)


@given(CANDIDATES, POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(
    candidates: list[tuple[str, int, float, int, int]],
    policy: SelectionPolicy,
    shuffled: random.Random,
) -> None:
    analyses = made(candidates)
    mixed = analyses.copy()
    shuffled.shuffle(mixed)
    one, other = rank(analyses, policy), rank(mixed, policy)
    assert [analyses[p].article.url for p in one.kept] == [mixed[p].article.url for p in other.kept]
    assert sorted(map(repr, one.decisions)) == sorted(map(repr, other.decisions))
