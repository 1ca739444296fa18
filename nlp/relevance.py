"""BM25 over the candidates of one job, as a share of what a query can score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from nlp.analysis import Score
from nlp.embedding.embedder import Vectors
from nlp.neutral import NEUTRAL
from nlp.text.query_terms import TITLE_WEIGHT, TermCounts

Floats = npt.NDArray[np.float64]

SATURATION = 1.2
"""k1: how soon more mentions stop counting."""

LENGTH_SHARE = 0.4
"""b: how far the length of a text discounts its mentions."""

ORDINARY_ARTICLES, ORDINARY_SHARE, ORDINARY_WORDS = 30, 0.05, 600
"""What is imagined beside the candidates: 30 articles of 600 words, one in twenty with each term.

One candidate alone has no collection to be rare in, and what a search has found holds its words
everywhere. In jobs of 10 drawn from Cranfield this raised the nDCG@10 of BM25 alone from 47.3
to 49; in jobs of 30 to 1,400 it changed at most 1.
"""


def lexical_shares(counts: Sequence[TermCounts]) -> Floats:
    """How much each article speaks the words of the query, 0–1, of shape (n,).

    The share of the greatest BM25F that any article could have (Robertson and Zaragoza, 2009):
    terms that are rare among the candidates weigh more, title and text are added up before they
    saturate, and the length of the text discounts its mentions. Near 1 only where each term stands
    in the title and many times in the text.
    """
    in_title = np.array([one.in_title for one in counts], dtype=np.float64)
    in_text = np.array([one.in_text for one in counts], dtype=np.float64)
    weights = idf(np.count_nonzero(in_title + in_text, axis=0), len(counts))
    mentions = TITLE_WEIGHT * in_title + in_text * length_discounts(counts)[:, None]
    return np.asarray(saturated(mentions) @ (weights / weights.sum()))


def length_discounts(counts: Sequence[TermCounts]) -> Floats:
    """What one mention in each text counts, of shape (n,): 1 where it has the usual length."""
    words = np.array([one.text_words for one in counts], dtype=np.float64)
    usual = (words.sum() + ORDINARY_ARTICLES * ORDINARY_WORDS) / (len(counts) + ORDINARY_ARTICLES)
    return np.asarray(1 / (1 - LENGTH_SHARE + LENGTH_SHARE * words / usual))


def saturated(mentions: Floats) -> Floats:
    """Mentions → what they are worth, 0–1."""
    return mentions / (mentions + SATURATION)


def idf(holding: npt.NDArray[np.int64], articles: int) -> Floats:
    """The inverse document frequency of terms that `holding` of so many articles have; above 0."""
    having = holding + ORDINARY_ARTICLES * ORDINARY_SHARE
    lacking = articles + ORDINARY_ARTICLES - having
    return np.log1p((lacking + 0.5) / (having + 0.5))


NEW_TERMS = 20
"""Stems that the best articles add to the query. 10 and 40 are as good on Cranfield."""


class Best:
    """The articles that the others are compared to, as places with weights that sum to 1."""

    def __init__(self, places: Sequence[int], weights: Floats) -> None:
        self.places = np.asarray(places, dtype=np.int64)
        self.weights = weights

    def mean(self, values: Floats) -> float:
        """Their weighted mean of one value per article."""
        return float(self.weights @ values[self.places])


def likeness(best: Best, vectors: Floats, counts: Sequence[TermCounts]) -> Floats:
    """How like the best each article is, of shape (n,); at most 1, as like as they are each other.

    In meaning and in words, half each. `vectors` are unit rows of shape (n, dimension), of zeros
    where an embedding failed: such an article is compared in words alone, and one without words in
    meaning alone. NaN where neither can be compared.
    """
    both = np.stack([_like_in_meaning(best, vectors), _like_in_words(best, counts)])
    known = np.count_nonzero(~np.isnan(both), axis=0)
    total = np.where(np.isnan(both), 0.0, both).sum(axis=0)
    return np.where(known > 0, np.minimum(total / np.maximum(known, 1), 1.0), np.nan)


def _like_in_meaning(best: Best, vectors: Floats) -> Floats:
    """The dot product with the weighted mean of the best (Rocchio, 1971); NaN without a vector."""
    centre = best.weights @ vectors[best.places]
    own = float(centre @ centre)
    if own == 0.0:
        return np.full(len(vectors), np.nan)
    return np.where(vectors.any(axis=1), vectors @ centre / own, np.nan)


def _like_in_words(best: Best, counts: Sequence[TermCounts]) -> Floats:
    """BM25 for the stems that mark the best: their share of each text, by rarity.

    The relevance model of Lavrenko and Croft (SIGIR 2001) on the most frequent stems of each
    article. NaN where there is nothing to compare.
    """
    stems = FrequentStems(counts)
    mentions, worth = stems.marking(best)
    total = worth.sum()
    if total == 0.0:
        return np.full(len(counts), np.nan)
    found = saturated(mentions * length_discounts(counts)[:, None]) @ (worth / total)
    return np.where(stems.kept > 0, found / best.mean(found), np.nan)


class FrequentStems:
    """The frequent stems of all articles, as one table of article, stem and mentions."""

    def __init__(self, counts: Sequence[TermCounts]) -> None:
        self.kept = np.array([len(one.frequencies) for one in counts], dtype=np.int64)
        self._articles = np.repeat(np.arange(len(counts)), self.kept)
        self._stems = np.frombuffer(b"".join(one.frequent for one in counts), dtype="<u4")
        joined = b"".join(one.frequencies for one in counts)
        self._mentions = np.frombuffer(joined, dtype=np.uint8).astype(np.float64)

    def marking(self, best: Best) -> tuple[Floats, Floats]:
        """Mentions of what marks the best, of shape (n, terms), and the worth of each term."""
        names = np.unique(np.concatenate([self._stems[self._of(place)] for place in best.places]))
        rows = np.flatnonzero(np.isin(self._stems, names))
        columns = np.searchsorted(names, self._stems[rows])
        worth = self._shares(best, names)
        worth *= idf(np.bincount(columns, minlength=len(names)), len(self.kept))
        # By worth, then by name: the order of the articles must not count.
        chosen = np.lexsort((names, -np.round(worth, 12)))[:NEW_TERMS]
        table = np.zeros((len(self.kept), len(names)))
        table[self._articles[rows], columns] = self._mentions[rows]
        return table[:, chosen], worth[chosen]

    def _shares(self, best: Best, names: npt.NDArray[np.uint32]) -> Floats:
        """The weighted mean of each stem's share of the best articles' mentions."""
        shares = np.zeros(len(names))
        for place, weight in zip(best.places, best.weights, strict=True):
            mentions = self._mentions[self._of(place)]
            columns = np.searchsorted(names, self._stems[self._of(place)])
            np.add.at(shares, columns, weight * mentions / max(mentions.sum(), 1.0))
        return shares

    def _of(self, place: np.int64) -> slice:
        end = int(self.kept[: place + 1].sum())
        return slice(end - int(self.kept[place]), end)


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


RELEVANCE_SCORE_NAMES = ("tfidf_relevance_score", "semantic_relevance_score", "relevance_score")

NO_QUERY = Score(NEUTRAL, "No query was given.")
NOT_EMBEDDED = Score(NEUTRAL, "The embedding failed.")


def relevance_scores(
    query_vector: Vectors | None, documents: Sequence[tuple[TermCounts | None, Vectors]]
) -> list[Mapping[str, Score]]:
    """The measures of each document, by the names of their scores.

    Documents are as `nlp.relevance` takes them; without counts, which are the same for all,
    there was no query. A vector of zeros is one that could not be made.
    """
    counted = [(counts, vector) for counts, vector in documents if counts is not None]
    if len(counted) < len(documents):
        return [dict.fromkeys(RELEVANCE_SCORE_NAMES, NO_QUERY)] * len(documents)
    return [
        _measures(scores, query_vector is not None and bool(vector.any()))
        for scores, (_, vector) in zip(relevance(query_vector, counted), counted, strict=True)
    ]


def _measures(scores: RelevanceScores, embedded: bool) -> Mapping[str, Score]:
    return {
        "tfidf_relevance_score": Score(scores.lexical),
        "semantic_relevance_score": Score(scores.semantic) if embedded else NOT_EMBEDDED,
        "relevance_score": Score(scores.relevance),
    }
