"""The order that users see: what it keeps of the relevance, and what quality decides in it.

Cranfield's abstracts have neither dates nor names, so recency and entity density are drawn at
random for each query, evenly over 0–100; reputation is alike for all. Readability and neutrality
are those of the abstracts. Two figures stand against each other: nDCG@10, and the share of pairs of
like relevance that are in the order of their quality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import click
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from nlp.analysis import Scorecard, Weights
from nlp.models import load_models
from nlp.neutral import Unmeasurable
from nlp.scores.coherence import topic_coherence
from nlp.scores.scorecard import LEAST_RELEVANCE, QUALITY_SHARE, Composite, composite_for, scorecard
from nlp.scores.style import neutrality, readability
from nlp.text.words import TokenizedText
from tasks.settings import default_models_dir
from tests.bench.figure import Figure, compared
from tests.bench.quality.retrieval import Collection, Scored, load_collection, ndcg, scored
from tests.bench.shared_data import CRANFIELD

KEPT_GOAL, PAIRS_GOAL = 0.96, 65.0
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0)
COHERENCE_SHARES = (0.1, 0.2, 0.4)
PAIRS_DEPTH, LIKE = 50, 5.0
"""Pairs within the first 50 of a list count, if less than 5 points of relevance are between."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A query's documents with all that their order may depend on."""

    judged: frozenset[int]
    relevance: Floats
    coherence: Floats
    quality: Floats
    mean: Floats
    """The weighted mean of all scores: the order of earlier versions."""
    composite: Floats
    """`overall_score`."""


Order = Callable[[Listed], Floats]


def order_figures() -> Iterator[Figure]:
    """Ours beside relevance alone and the mean, the curve of strengths, and coherence."""
    if not (CRANFIELD / "corpus.jsonl").is_file():
        click.echo("No Cranfield collection in ../shared/data: the order is skipped.", err=True)
        return
    collection = load_collection(CRANFIELD)
    jobs = scored(collection, load_models(1, default_models_dir()).embedder)
    lists = _lists(collection, jobs)
    alone = _ndcg(lists, lambda listed: listed.relevance)
    yield from _ours(lists, alone)
    for name, order in _others().items():
        yield compared(f"order, nDCG@10, {name}", _ndcg(lists, order), "", "relevance alone", alone)
        yield _share(f"order, pairs by quality, {name}", _pairs(lists, order))
    for share in COHERENCE_SHARES:
        value = _ndcg(lists, partial(_with_coherence, share=share))
        name = f"order, nDCG@10, relevance with {share:g} of coherence"
        yield compared(name, value, "", "relevance alone", alone)


def _ours(lists: Sequence[Listed], alone: float) -> Iterator[Figure]:
    ndcg_ours = _ndcg(lists, lambda listed: listed.composite)
    pairs = _pairs(lists, lambda listed: listed.composite)
    yield replace(
        compared("order, nDCG@10", ndcg_ours, "", "relevance alone", alone),
        goal=f"ratio >= {KEPT_GOAL:g}",
        met=ndcg_ours >= KEPT_GOAL * alone,
    )
    figure = _share("order, pairs by quality", pairs)
    yield replace(figure, goal=f">= {PAIRS_GOAL:g} %", met=pairs >= PAIRS_GOAL)
    curve = [partial(_by_share, share=share) for share in SHARES]
    kept, decided = (
        np.array([measure(lists, order) for order in curve]) for measure in (_ndcg, _pairs)
    )
    for share, ndcg_value, pairs_value in zip(SHARES, kept, decided, strict=True):
        name = f"order, share of quality {share:g}"
        yield compared(f"{name}, nDCG@10", float(ndcg_value), "", "relevance alone", alone)
        yield _share(f"{name}, pairs by quality", float(pairs_value))
    knee = SHARES[int(np.argmax(_span(kept) + _span(decided)))]
    yield Figure(
        name="order, knee of the curve",
        value=knee,
        unit="",
        goal=f"within .1 of {QUALITY_SHARE:g}, the share in use",
        met=abs(knee - QUALITY_SHARE) < 0.101,
    )


def _span(values: Floats) -> Floats:
    """On a scale from its lowest, 0, to its highest, 1. The knee is the point farthest from the
    line between the ends of a curve (Satopää et al., ICDCS workshop 2011)."""
    return np.asarray((values - values.min()) / np.ptp(values))


def _others() -> dict[str, Order]:
    return {
        "relevance alone": lambda listed: listed.relevance,
        "the mean of all scores": lambda listed: listed.mean,
    }


def _by_share(listed: Listed, share: float) -> Floats:
    factor = 1 - share + share * listed.quality / 100
    return np.maximum(listed.relevance, LEAST_RELEVANCE) * factor


def _with_coherence(listed: Listed, share: float) -> Floats:
    return (1 - share) * listed.relevance + share * listed.coherence


def _share(name: str, value: float) -> Figure:
    return Figure(name=name, value=value, unit="%")


def _ndcg(lists: Sequence[Listed], order: Order) -> float:
    return float(np.mean([ndcg(order(listed), listed.judged) for listed in lists]))


def _pairs(lists: Sequence[Listed], order: Order) -> float:
    """Per cent, of all lists together."""
    right = total = 0
    for listed in lists:
        first = np.argsort(-order(listed), kind="stable")[:PAIRS_DEPTH]
        relevance, quality = listed.relevance[first], listed.quality[first]
        better, worse = np.triu_indices(len(first), 1)
        like = np.abs(relevance[better] - relevance[worse]) < LIKE
        right += int(np.count_nonzero(quality[better][like] >= quality[worse][like]))
        total += int(np.count_nonzero(like))
    return 100 * right / max(1, total)


# The lists


def _lists(collection: Collection, jobs: Sequence[Scored]) -> list[Listed]:
    texts = [TokenizedText(document.text) for document in collection.documents]
    styles = [_style(text) for text in texts]
    rng = np.random.default_rng(0)
    return [
        _listed(query.text, judged, job.relevance, texts, styles, rng)
        for query, judged, job in zip(collection.queries, collection.judged, jobs, strict=True)
    ]


def _style(text: TokenizedText) -> Scorecard:
    """A card with the scores that depend on neither query nor chance."""
    blank = scorecard(composite_for(None, Weights()))
    try:
        return replace(blank, readability_score=readability(text), sentiment_score=neutrality(text))
    except Unmeasurable:
        return blank


def _listed(
    query: str,
    judged: frozenset[int],
    relevance: Floats,
    texts: Sequence[TokenizedText],
    styles: Sequence[Scorecard],
    rng: np.random.Generator,
) -> Listed:
    weights = Weights()
    coherence = [topic_coherence(query, text) for text in texts]
    drawn = rng.uniform(0, 100, (len(texts), 2))
    cards = [
        replace(
            style,
            relevance_score=float(relevance[at]),
            topic_coherence_score=coherence[at],
            recency_score=float(drawn[at, 0]),
            ner_density_score=float(drawn[at, 1]),
        )
        for at, style in enumerate(styles)
    ]
    ours, mean = composite_for(query, weights), Composite(weights=weights, by_relevance=False)
    return Listed(
        judged=judged,
        relevance=relevance,
        coherence=np.array(coherence),
        quality=np.array([ours.quality(card) for card in cards]),
        mean=np.array([mean.of(card) for card in cards]),
        composite=np.array([ours.of(card) for card in cards]),
    )
