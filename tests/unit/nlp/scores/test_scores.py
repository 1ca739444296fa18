"""Each score says what it claims, and stays within 0–100."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nlp.analysis import AnalysisPolicy, Score, Weights
from nlp.article import Entity
from nlp.neutral import Unmeasurable
from nlp.scores.coherence import topic_coherence
from nlp.scores.entities import CapitalRecognizer, count_entities, entity_density, entity_excerpt
from nlp.scores.provenance import half_life_days, load_reputations, recency, reputation
from nlp.scores.scorecard import QUALITY_SHARE, composite_for, rescored, scorecard
from nlp.scores.style import neutrality, readability, reading_ease
from nlp.text.words import TokenizedText
from nlp.urls import registrable_domain
from tests.unit.nlp.samples import BY_SCORE, NOW, models, prose

MEASURES: dict[str, Callable[[str], float]] = {
    "readability": lambda text: readability(TokenizedText(text)),
    "sentiment": lambda text: neutrality(TokenizedText(text)),
    "entities": lambda text: entity_density(
        count_entities(CapitalRecognizer().mentions(text)), text
    ),
    "coherence": lambda text: topic_coherence("bank rates", TokenizedText(text)),
}
TEXTS = st.text(max_size=300) | st.lists(
    st.sampled_from(["Bank", "rates", "awful", "great!", "Berlin", "the", ".", "\n"]), max_size=60
).map(" ".join)


@pytest.mark.parametrize("name", MEASURES)
@given(text=TEXTS)
def test_every_score_is_within_bounds_or_unmeasurable(name: str, text: str) -> None:
    try:
        score = MEASURES[name](text)
    except Unmeasurable:
        return
    assert 0.0 <= score <= 100.0


def test_a_longer_text_reads_better_up_to_600_words() -> None:
    scores = [readability(TokenizedText(prose(1, sentences))) for sentences in (20, 30, 50, 90)]
    assert scores[0] < scores[1] < scores[2]
    assert scores[3] - scores[2] < 8


def test_plain_words_read_better_than_long_ones() -> None:
    plain = ["the", "cat", "sat", "on", "the", "mat"]
    heavy = ["institutional", "considerations", "necessitate", "organisational", "reevaluation"]
    assert reading_ease(plain, 1) > 90
    assert reading_ease(heavy, 1) == 0


def test_opinion_is_less_neutral_than_report() -> None:
    report = "The council met on Monday. It voted on the budget."
    opinion = "This is a terrible, awful disaster. I hate it!"
    assert neutrality(TokenizedText(report)) > 95
    assert neutrality(TokenizedText(opinion)) < 40


def test_one_loud_sentence_does_not_outweigh_nine_calm_ones() -> None:
    text = TokenizedText("The council met on Monday. " * 9 + "A terrible disaster!")
    assert neutrality(text) > 85


def test_ten_entities_in_a_hundred_words_score_100() -> None:
    entities = [
        Entity(text="Berlin", label="GPE", count=6),
        Entity(text="UN", label="ORG", count=4),
    ]
    assert entity_density(entities, "word " * 100) == 100.0
    assert entity_density(entities[:1], "word " * 120) == pytest.approx(50.0)


def test_entities_are_sorted_by_mentions() -> None:
    entities = count_entities(
        [("Berlin", "GPE"), ("United\n Nations", "ORG"), ("Berlin", "GPE"), (" ", "X")]
    )
    assert [(entity.text, entity.count) for entity in entities] == [
        ("Berlin", 2),
        ("United Nations", 1),
    ]


def test_only_the_beginning_is_read_for_entities() -> None:
    assert len(entity_excerpt("word " * 1000).split()) == 300
    assert len(entity_excerpt("x" * 100_000)) <= 4000


@pytest.mark.parametrize(("days", "score"), [(0, 100), (7, 50), (14, 25), (-3, 100)])
def test_recency_halves_with_each_half_life_and_future_dates_count_as_now(
    days: int, score: int
) -> None:
    assert recency(NOW - dt.timedelta(days=days), NOW, 7) == pytest.approx(score)


@given(
    st.datetimes(timezones=st.just(dt.UTC)),
    st.floats(min_value=0.001, max_value=1e6),
)
def test_recency_is_within_bounds_for_any_date(published: dt.datetime, half_life: float) -> None:
    assert 0.0 <= recency(published, NOW, half_life) <= 100.0


def test_no_date_is_unmeasurable() -> None:
    with pytest.raises(Unmeasurable, match="no publication date"):
        recency(None, NOW, 7)


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("finance news", 1.0),
        ("FINANCE and climate change", 1.0),
        ("the change of climate", 7.0),
        ("climate change", 30.0),
        ("refinance", 7.0),
        (None, 7.0),
    ],
)
def test_a_topic_has_its_half_life_where_its_words_occur_whole(
    query: str | None, days: float
) -> None:
    policy = AnalysisPolicy(topic_half_life_days={"finance": 1.0, "Climate Change": 30.0})
    assert half_life_days(query, policy) == days


@pytest.mark.parametrize(
    ("domain", "author", "score"),
    [
        ("northwire.example", None, 80.0),
        ("northwire.example", "Ada Lovelace", 95.0),
        ("northwire.example", "Jan", 100.0),
        ("unknown.example", None, 50.0),
        ("unknown.example", "Someone; Ada Lovelace and Other", 65.0),
        ("unknown.example", "Janet", 50.0),
        ("nasa.gov", None, 75.0),
        ("ox.ac.uk", None, 70.0),
        ("gov", None, 50.0),
    ],
)
def test_reputation_is_of_publisher_and_author(
    domain: str, author: str | None, score: float
) -> None:
    assert reputation(domain, author, models().reputations) == score


def test_the_data_file_names_registrable_domains_and_values_in_range() -> None:
    known = load_reputations()
    for domain, value in known.domains.items():
        assert registrable_domain(f"https://{domain}/") == domain
        assert 0 <= value <= 100
    assert all(0 <= value <= 100 for value in known.suffixes.values())
    assert all(
        0 < points <= 10 and name == name.casefold() for name, points in known.authors.items()
    )


def test_a_topic_throughout_is_more_coherent_than_one_named_once() -> None:
    filler = "It was a long day for them. " * 2
    throughout = ("The bank met. " + filler) * 6
    once = (filler + "They all went home. ") * 5 + filler + "The bank met. "
    assert topic_coherence("bank", TokenizedText(throughout)) == 100.0
    assert 0 < topic_coherence("bank", TokenizedText(once)) < 40


def test_terms_that_occur_together_are_more_coherent_than_scattered_ones() -> None:
    together = "The solar storm came. It was late. It was dark. " * 4
    scattered = "The solar farm. It was late. It was dark. A storm. It was late. It is dark. " * 2
    kept, spread = TokenizedText(together), TokenizedText(scattered)
    assert topic_coherence("solar storm", kept) > topic_coherence("solar storm", spread)


def test_the_topic_inside_other_words_is_not_the_topic() -> None:
    assert topic_coherence("ai", TokenizedText("He said it again. The main rain.")) == 0.0


WITHOUT_QUERY = composite_for(None, Weights())
WITH_QUERY = composite_for("solar power", Weights())


def test_without_a_query_the_composite_is_the_weighted_mean() -> None:
    card = scorecard(WITHOUT_QUERY)
    assert card.overall_score == pytest.approx(50.0)
    related = rescored(card, WITHOUT_QUERY, relevance_score=Score(75.0))
    assert related.overall_score == pytest.approx(50.0 + 0.20 * 25)


def test_with_a_query_the_composite_is_relevance_times_quality() -> None:
    card = scorecard(WITH_QUERY, relevance_score=Score(80.0))
    assert card.overall_score == pytest.approx(80 * (1 - QUALITY_SHARE * 0.5))
    fresh = rescored(card, WITH_QUERY, recency_score=Score(100.0))
    quality = 0.5 + 0.12 / 0.60 * 0.5  # the other weights are scaled to sum to 1
    assert fresh.overall_score == pytest.approx(80 * (1 - QUALITY_SHARE * (1 - quality)), abs=0.01)
    coherent = rescored(card, WITH_QUERY, topic_coherence_score=Score(100.0))
    assert coherent.overall_score == card.overall_score


def test_the_best_quality_does_not_raise_what_is_beside_the_topic() -> None:
    best = dict.fromkeys(
        ("readability_score", "ner_density_score", "sentiment_score", "recency_score"), Score(100.0)
    )
    beside = scorecard(WITH_QUERY, relevance_score=Score(20.0), **best)
    about = scorecard(WITH_QUERY, relevance_score=Score(41.0), recency_score=Score(0.0))
    assert beside.overall_score < about.overall_score


def test_articles_without_any_relevance_are_still_ordered_by_quality() -> None:
    lost = scorecard(WITH_QUERY, relevance_score=Score(0.0))
    assert 0 < lost.overall_score < 1
    assert rescored(lost, WITH_QUERY, recency_score=Score(99.0)).overall_score > lost.overall_score


def test_without_a_weight_for_quality_the_order_is_that_of_relevance() -> None:
    topical = replace(BY_SCORE, readability=0, relevance=0.7, coherence=0.3)
    card = scorecard(composite_for("solar", topical), relevance_score=Score(62.0))
    assert card.overall_score == 62.0


def test_a_query_without_a_word_is_no_query() -> None:
    assert composite_for("?!", Weights()) == WITHOUT_QUERY


def test_a_new_score_replaces_the_old_one_and_its_reason() -> None:
    card = scorecard(WITHOUT_QUERY, recency_score=Score(50.0, "No date."))
    assert [entry.score for entry in card.neutral] == ["recency_score"]
    assert rescored(card, WITHOUT_QUERY, recency_score=Score(80.0)).neutral == ()


def test_weights_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sum to 1\.1, not to 1"):
        composite_for(None, Weights(recency=0.22))
