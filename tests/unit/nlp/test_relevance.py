"""Relevance orders the candidates of a job on an absolute scale, whatever their order."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nlp.decision import RELEVANCE_FLOOR
from nlp.embedding.embedder import HashingEmbedder, Vectors
from nlp.neutral import NEUTRAL, Unmeasurable
from nlp.relevance import Relevance, relevance
from nlp.text.query_terms import term_counts

EMBEDDER = HashingEmbedder()
QUERY = "tidal power"
ON_TOPIC = "The tidal turbines give power to the town. " * 12
OFF_TOPIC = "The council met on the budget of the schools. " * 12
WORDS = ("tidal", "power", "turbine", "council", "budget", "the", "storm", "bank", "river")

Document = tuple[str, str]


def scores(
    documents: Sequence[Document], query: str = QUERY, *, embedded: bool = True
) -> list[Relevance]:
    counts = [term_counts(query, title, text) for title, text in documents]
    rows: list[Vectors | None] = [None] * len(documents)
    if embedded and documents:
        rows = list(EMBEDDER.encode([f"{title}. {text}" for title, text in documents]))
    return relevance(EMBEDDER.encode([query])[0], list(zip(counts, rows, strict=True)))


def relevances(documents: Sequence[Document], query: str = QUERY) -> list[float]:
    return [result.relevance for result in scores(documents, query)]


def documents(seed: int, count: int) -> list[Document]:
    rng = random.Random(seed)
    return [
        (" ".join(rng.choices(WORDS, k=4)), " ".join(rng.choices(WORDS, k=40)))
        for _ in range(count)
    ]


def test_articles_about_the_query_come_before_others() -> None:
    results = relevances([("Budget", OFF_TOPIC), ("Tidal power", ON_TOPIC), ("Power", OFF_TOPIC)])
    assert results[1] > results[2] > results[0]


def test_a_single_article_is_scored_on_an_absolute_scale() -> None:
    (on_topic,), (off_topic,) = scores([("Tidal power", ON_TOPIC)]), scores([("Budget", OFF_TOPIC)])
    assert on_topic.relevance > 60
    assert off_topic.relevance < RELEVANCE_FLOOR
    assert on_topic.relevance == pytest.approx((on_topic.lexical + on_topic.semantic) / 2, abs=0.02)


def test_the_best_of_irrelevant_articles_is_still_irrelevant() -> None:
    lot = [("Budget", f"{OFF_TOPIC} Room {number}.") for number in range(30)]
    assert max(relevances(lot)) < RELEVANCE_FLOOR


@given(st.integers(0, 500), st.integers(1, 30))
def test_no_relevance_is_above_the_best_own_score(seed: int, count: int) -> None:
    results = scores(documents(seed, count))
    best = max((result.lexical + result.semantic) / 2 for result in results)
    assert max(result.relevance for result in results) <= best + 0.02


@given(st.integers(0, 500), st.integers(0, 30), st.randoms(use_true_random=False))
def test_the_order_of_the_documents_does_not_count(
    seed: int, count: int, chance: random.Random
) -> None:
    once = documents(seed, count) * 2
    order = list(range(len(once)))
    chance.shuffle(order)
    shuffled = relevances([once[place] for place in order])
    straight = relevances(once)
    assert shuffled == [straight[place] for place in order]


def test_equal_documents_have_equal_scores() -> None:
    results = relevances([("Tidal power", ON_TOPIC)] * 25)
    assert len(set(results)) == 1


def test_similarity_to_the_best_raises_an_article_that_does_not_name_the_query() -> None:
    best = [("Tidal power", f"{ON_TOPIC} Sluices and basins at Halvard.") for _ in range(3)]
    kin = ("Halvard", "Sluices and basins at Halvard. The turbines of the town turn.")
    stranger = ("Council", OFF_TOPIC)
    related, unrelated = relevances([*best, kin, stranger])[3:]
    assert related > unrelated


@given(st.integers(0, 500))
def test_more_of_the_query_is_never_less_relevant(seed: int) -> None:
    title, text = documents(seed, 1)[0]
    counts = term_counts(QUERY, title, text)
    others = [(term_counts(QUERY, *other), None) for other in documents(seed + 1, 8)]
    more = replace(counts, in_text=tuple(count + 1 for count in counts.in_text))
    results = relevance(None, [*others, (counts, None), (more, None)])
    assert results[-1].lexical >= results[-2].lexical
    assert results[-1].relevance >= results[-2].relevance


def test_where_embeddings_failed_only_words_count() -> None:
    (on_topic, off_topic) = scores(
        [("Tidal power", ON_TOPIC), ("Budget", OFF_TOPIC)], embedded=False
    )
    assert on_topic.relevance > 50
    assert off_topic.relevance == 0
    assert on_topic.semantic == off_topic.semantic == NEUTRAL


def test_a_zero_or_non_finite_vector_or_one_of_another_length_counts_as_missing() -> None:
    counts = term_counts(QUERY, "Tidal power", ON_TOPIC)
    row = EMBEDDER.encode([ON_TOPIC])[0]
    query = EMBEDDER.encode([QUERY])[0]
    missing = relevance(query, [(counts, row), (counts, None)])
    assert relevance(query, [(counts, row), (counts, np.zeros_like(row))]) == missing
    assert relevance(query, [(counts, row), (counts, row[:9])]) == missing
    assert relevance(query, [(counts, row), (counts, np.full_like(row, np.inf))]) == missing
    assert relevance(np.zeros_like(query), [(counts, row)]) == relevance(None, [(counts, row)])
    assert relevance(np.full_like(query, np.nan), [(counts, row)]) == relevance(
        None, [(counts, row)]
    )


def test_without_a_vector_of_the_query_only_words_count() -> None:
    counts, row = term_counts(QUERY, "Tidal power", ON_TOPIC), EMBEDDER.encode([ON_TOPIC])[0]
    (result,) = relevance(None, [(counts, row)])
    assert result.relevance == result.lexical > 50
    assert result.semantic == NEUTRAL


def test_a_query_without_matching_words_is_scored_by_meaning() -> None:
    rows = EMBEDDER.encode(["tidal power", "zebra"])
    documents = [
        (term_counts("gezeiten", "", text), row) for text, row in zip("ab", rows, strict=True)
    ]
    on_topic, off_topic = relevance(rows[0], documents)
    assert on_topic.lexical == off_topic.lexical == 0
    assert on_topic.relevance > off_topic.relevance


def test_an_empty_text_is_not_relevant_and_does_not_affect_others() -> None:
    empty, on_topic = scores([("", ""), ("Tidal power", ON_TOPIC)], embedded=False)
    assert empty == Relevance(lexical=0.0, semantic=NEUTRAL, relevance=0.0)
    assert on_topic.relevance > 50
    assert scores([("", "")], embedded=False) == [empty]


def test_no_documents_have_no_scores() -> None:
    assert relevance(None, []) == []


def test_documents_counted_for_other_queries_are_refused() -> None:
    counts = [term_counts(query, "", ON_TOPIC) for query in ("tidal", "tidal power")]
    with pytest.raises(ValueError, match="one query"):
        relevance(None, [(count, None) for count in counts])


@pytest.mark.parametrize(
    ("query", "on_topic", "off_topic"),
    [
        ("潮汐发电", "潮汐发电站为城市供电。" * 20, "市议会讨论了学校。" * 20),
        ("energía mareomotriz", "La energía mareomotriz crece. " * 20, "El ayuntamiento. " * 20),
        ("طاقة المد", "طاقة المد تنير البلدة. " * 20, "اجتمع المجلس. " * 20),
    ],
)
def test_other_languages_are_matched_by_their_own_words(
    query: str, on_topic: str, off_topic: str
) -> None:
    results = relevances([("", on_topic), ("", off_topic)], query)
    assert results[0] > 30 > results[1]


def test_one_relevant_document_among_five_thousand_is_recognised() -> None:
    relevant, other = term_counts(QUERY, "Tidal power", ON_TOPIC), term_counts(QUERY, "", OFF_TOPIC)
    rows = EMBEDDER.encode([ON_TOPIC, OFF_TOPIC])
    results = relevance(
        EMBEDDER.encode([QUERY])[0], [(relevant, rows[0])] + [(other, rows[1])] * 4999
    )
    assert results[0].relevance > 50 > 15 > results[1].relevance
    assert len({score.relevance for score in results[1:]}) == 1


def test_a_repeated_query_word_counts_once() -> None:
    (often,), (once,) = (scores([("", ON_TOPIC)], query) for query in ("tidal " * 83, "tidal"))
    assert often.lexical == once.lexical > 50
    assert scores([("", ON_TOPIC)], "x" * 500)[0].lexical == 0


def lexical(query: str, title: str, text: str) -> float:
    """Of one article, by its words alone."""
    return relevance(None, [(term_counts(query, title, text), None)])[0].lexical


def test_a_query_matches_whole_words_only() -> None:
    assert lexical("ai", "He said", "It was said again in the main hall.") == 0
    assert lexical("ai", "On AI", "It was said.") > 0


def test_a_query_matches_other_forms_of_its_words() -> None:
    assert lexical("central banks", "", "A central bank acts.") > 0


def test_each_further_mention_counts_less() -> None:
    first, second, third = (
        lexical("bank", "", " ".join(["bank"] * n + ["word"] * (600 - n))) for n in (1, 2, 3)
    )
    assert first < second < third
    assert third - second < second - first


def test_the_title_counts_more_than_the_text() -> None:
    filler = "word " * 300
    assert lexical("bank", "bank", filler) > lexical("bank", "", filler + "bank")


def test_each_term_of_the_query_has_its_share() -> None:
    both = lexical("bank rates", "", "bank rates " * 50)
    half = lexical("bank rates", "", "bank " * 50)
    assert half == pytest.approx(both / 2, rel=0.1)


def test_meaning_is_measured_by_cosine_within_bounds() -> None:
    query, same, other = EMBEDDER.encode(["bank rates", "bank rates", "zebra crossing"])
    counts = term_counts("bank rates", "", "")
    results = relevance(query, [(counts, row) for row in (same, other, -same)])
    assert results[0].semantic == 100.0
    assert results[1].semantic < 60
    assert results[2].semantic == 0.0


@given(st.lists(st.sampled_from(["Bank", "rates", "the", ".", "\n"]), max_size=60).map(" ".join))
def test_the_words_of_one_article_score_within_bounds(text: str) -> None:
    assert 0.0 <= lexical("bank", text, text) <= 100.0


@pytest.mark.parametrize("query", [None, "", "?!"])
def test_no_query_is_unmeasurable(query: str | None) -> None:
    with pytest.raises(Unmeasurable):
        term_counts(query, "Tidal power", ON_TOPIC)
