"""How much an article is about the query, told for all candidates of a job together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct

from nlp.embedding.embedder import Vectors
from nlp.neutral import NEUTRAL
from nlp.relevance.bm25 import Floats, lexical_shares
from nlp.relevance.feedback import Best, likeness
from nlp.text.term_counts import TermCounts

UNRELATED_COSINE, SAME_COSINE = 0.05, 0.70
"""What all-MiniLM-L6-v2 gives for a short query and a text beside it, or right on it."""

MOST_BEST = 10
"""Articles whose company speaks for the others. 5 and 20 are as good on Cranfield."""

BEST_WITHIN = 0.05
"""How fast the best lose weight: one that is 0.05 (of 0–1) behind the first has 1/e of that."""

COMPANY_SHARE = 0.5
"""How much the likeness to the best counts beside an article's own score. .4 to .6 are as good."""

_DECIMALS = 9
"""Rounded before articles are compared: processors differ in the last digits."""


class RelevanceScores(Struct, frozen=True, kw_only=True):
    """Of one article among the candidates of its job, each 0–100."""

    lexical: float
    """How much it speaks the words of the query."""
    semantic: float
    """How near its lead is to the query in meaning; neutral where an embedding failed."""
    relevance: float
    """Both in one, with what the best candidates say. 0: not about it; 100: squarely about it."""


def relevance(
    query_vector: Vectors | None, documents: Sequence[tuple[TermCounts, Vectors | None]]
) -> list[RelevanceScores]:
    """The relevance of each article to one query, in order, rounded to two decimals.

    Documents are `term_counts` for that query with the unit vector of title and lead, of shape
    (dimension,). Where a vector is None or of zeros, as a failed embedding is kept, the words alone
    tell. Neither the order of the documents nor anything but the documents counts.

    An article's own score is the mean of its share of the greatest BM25 and of its cosine on a
    line: by score, not by rank, so that it means the same in a job of one as of 5,000. Half of the
    relevance is that, half the own scores of the best times the likeness to them. So it is never
    above the best own score: among articles that are all beside the topic none gets full marks.

    nDCG@10 on Cranfield: BM25 38.1, cosine 40.6, both by rank 42.7, own scores 43.8, relevance
    46.9 (`scripts/bench quality`). A job of 5,000 takes 0.1 s. Raises ValueError where the
    documents were not counted for one query.
    """
    if not documents:
        return []
    counts = [count for count, _ in documents]
    if len({len(count.in_title) for count in counts}) > 1:
        raise ValueError("the documents were not counted for one query")
    vectors = _rows([vector for _, vector in documents])
    lexical, semantic = lexical_shares(counts), _semantic_shares(query_vector, vectors)
    own = _own(lexical, semantic)
    best = _best(own, documents)
    company = _company(own, best, likeness(best, vectors, counts))
    told = (1 - COMPANY_SHARE) * own + COMPANY_SHARE * company
    return [_scores(*row) for row in np.stack([lexical, semantic, told], axis=1).tolist()]


def _own(lexical: Floats, semantic: Floats) -> Floats:
    both = np.where(np.isnan(semantic), lexical, (lexical + semantic) / 2)
    return np.asarray(np.maximum(np.round(both, _DECIMALS), 0.0))


def _company(own: Floats, best: Best, alike: Floats) -> Floats:
    """What the best say of each article; its own score where it cannot be compared to them."""
    return np.where(np.isnan(alike), own, best.mean(own) * alike)


def _scores(lexical: float, semantic: float, told: float) -> RelevanceScores:
    return RelevanceScores(
        lexical=_points(lexical),
        semantic=NEUTRAL if math.isnan(semantic) else _points(semantic),
        relevance=_points(told),
    )


def _points(share: float) -> float:
    return round(100.0 * min(1.0, max(0.0, share)), 2)


def _rows(vectors: Sequence[Vectors | None]) -> Floats:
    """One matrix, with rows of zeros for what is missing, not finite, or shorter than others."""
    dimension = max((len(vector) for vector in vectors if vector is not None), default=0)
    rows = np.zeros((len(vectors), dimension))
    for row, vector in zip(rows, vectors, strict=True):
        if vector is not None and len(vector) == dimension and np.isfinite(vector).all():
            row[:] = vector
    return rows


def _semantic_shares(query: Vectors | None, rows: Floats) -> Floats:
    """The cosine on the line from UNRELATED_COSINE, 0, to SAME_COSINE, 1; NaN without a vector."""
    if query is None or len(query) != rows.shape[1] or not np.isfinite(query).all():
        return np.full(len(rows), np.nan)
    shares = (rows @ query.astype(np.float64) - UNRELATED_COSINE) / (SAME_COSINE - UNRELATED_COSINE)
    return np.where(rows.any(axis=1) & query.any(), shares, np.nan)


def _best(own: Floats, documents: Sequence[tuple[TermCounts, Vectors | None]]) -> Best:
    """The MOST_BEST articles; ties are broken by what they hold, never by their places."""
    least = np.partition(own, -MOST_BEST)[-MOST_BEST] if len(own) > MOST_BEST else 0.0
    among = [int(place) for place in np.flatnonzero(own >= least)]
    places = sorted(among, key=lambda place: (-own[place], *_held(documents[place])))[:MOST_BEST]
    weights = np.exp((own[places] - own[places[0]]) / BEST_WITHIN)
    return Best(places, weights / weights.sum())


def _held(document: tuple[TermCounts, Vectors | None]) -> tuple[bytes, bytes]:
    counts, vector = document
    return msgspec.msgpack.encode(counts), b"" if vector is None else vector.tobytes()
