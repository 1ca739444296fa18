"""Relevance: how much each article of a job is about the query, by words and by meaning.

The own score of an article is the mean of two shares: its BM25F as a share of the highest possible
(Robertson and Zaragoza, 2009), and the cosine of its embedding with the query's, on a linear scale.
Pseudo-relevance feedback is added: the best articles by own score vouch for those that resemble
them, in meaning (Rocchio, 1971) and in words (Lavrenko and Croft, SIGIR 2001).
"""

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

SATURATION = 1.2
"""BM25's k1: how soon more mentions stop counting."""

LENGTH_NORMALISATION = 0.4
"""BM25's b: how much the length of a text discounts its mentions."""

PRIOR_ARTICLES, PRIOR_SHARE, PRIOR_WORDS = 30, 0.05, 600
"""Imaginary articles added to the collection: 30 of 600 words, one in twenty with each term.

A single candidate has no collection in which a term can be rare, and all candidates that a search
returned contain its words. In jobs of 10 drawn from Cranfield this raised the nDCG@10 of BM25 alone
from 47.3 to 49; in jobs of 30 to 1,400 it changed at most 1.
"""

UNRELATED_COSINE, SAME_COSINE = 0.05, 0.70
"""The cosines of all-MiniLM-L6-v2 for a short query with an unrelated text and with one that is
exactly about it."""

FEEDBACK_ARTICLES = 10
"""The best articles that the others are compared with. 5 and 20 are as good on Cranfield."""

FEEDBACK_DECAY = 0.05
"""The best lose weight with their distance to the first: 0.05 (of 0–1) below it, 1/e is left."""

FEEDBACK_SHARE = 0.5
"""The share of feedback in the relevance, beside the own score. .4 to .6 are as good."""

EXPANSION_TERMS = 20
"""Stems that the best articles add to the query. 10 and 40 are as good on Cranfield."""

RELEVANCE_SCORE_NAMES = ("tfidf_relevance_score", "semantic_relevance_score", "relevance_score")

NO_QUERY = Score(NEUTRAL, "No query was given.")
NOT_EMBEDDED = Score(NEUTRAL, "The embedding failed.")

_DECIMALS = 9
"""Scores are rounded before articles are compared: processors differ in the last digits."""

Floats = npt.NDArray[np.float64]
Document = tuple[TermCounts, Vectors | None]
"""An article's `term_counts` for the query, and the unit vector of its title and lead."""


class Relevance(Struct, frozen=True, kw_only=True):
    """Of one article among the candidates of its job; each score 0–100."""

    lexical: float
    """How much it uses the words of the query."""
    semantic: float
    """How close its lead is to the query in meaning; neutral where an embedding failed."""
    relevance: float
    """Both combined, with feedback. 0: not about the query; 100: entirely about it."""


def relevance(query_vector: Vectors | None, documents: Sequence[Document]) -> list[Relevance]:
    """The relevance of each article to one query, in order, rounded to two decimals.

    Vectors have shape (dimension,). Where one is None or zero, as a failed embedding is stored,
    only words count. The result depends on nothing but the documents, and not on their order.

    The own scores are combined by score, not by rank, so that they mean the same in a job of one
    article as in one of 5,000. Half of the relevance is the own score, half the mean own score of
    the best times the similarity to them. So it never exceeds the best own score: where no article
    is about the query, none scores high.

    nDCG@10 on Cranfield: BM25 38.1, cosine 40.6, both by rank 42.7, own scores 43.8, relevance
    46.9 (`scripts/bench quality`). A job of 5,000 takes 0.1 s. Raises ValueError where the
    documents were not counted for one query.
    """
    if not documents:
        return []
    counts = [count for count, _ in documents]
    if len({len(count.in_title) for count in counts}) > 1:
        raise ValueError("the documents were not counted for one query")
    vectors = _matrix([vector for _, vector in documents])
    lexical, semantic = _lexical_shares(counts), _semantic_shares(query_vector, vectors)
    own = _own_scores(lexical, semantic)
    best = _best_articles(own, documents)
    similarity = _similarity_to_best(best, vectors, counts)
    feedback = np.where(np.isnan(similarity), own, best.mean(own) * similarity)
    combined = (1 - FEEDBACK_SHARE) * own + FEEDBACK_SHARE * feedback
    rows = np.stack([lexical, semantic, combined], axis=1).tolist()
    return [_relevance(*row) for row in rows]


def relevance_scores(
    query_vector: Vectors | None, documents: Sequence[tuple[TermCounts | None, Vectors]]
) -> list[Mapping[str, Score]]:
    """The `relevance` of each document as scores, by their names in the scorecard.

    The counts are None, for all documents, where there was no query. A zero vector is one that
    could not be computed.
    """
    counted = [(counts, vector) for counts, vector in documents if counts is not None]
    if len(counted) < len(documents):
        return [dict.fromkeys(RELEVANCE_SCORE_NAMES, NO_QUERY)] * len(documents)
    return [
        {
            "tfidf_relevance_score": Score(result.lexical),
            "semantic_relevance_score": (
                Score(result.semantic)
                if query_vector is not None and vector.any()
                else NOT_EMBEDDED
            ),
            "relevance_score": Score(result.relevance),
        }
        for result, (_, vector) in zip(relevance(query_vector, counted), counted, strict=True)
    ]


def _relevance(lexical: float, semantic: float, combined: float) -> Relevance:
    return Relevance(
        lexical=_percent(lexical),
        semantic=NEUTRAL if math.isnan(semantic) else _percent(semantic),
        relevance=_percent(combined),
    )


def _percent(share: float) -> float:
    return round(100.0 * min(1.0, max(0.0, share)), 2)


# The own score of an article


def _own_scores(lexical: Floats, semantic: Floats) -> Floats:
    combined = np.where(np.isnan(semantic), lexical, (lexical + semantic) / 2)
    return np.asarray(np.maximum(np.round(combined, _DECIMALS), 0.0))


def _lexical_shares(counts: Sequence[TermCounts]) -> Floats:
    """The BM25F of each article as a share of the highest possible, 0–1, of shape (n,).

    Terms that are rare among the candidates weigh more; mentions in title and text are added before
    they saturate; the length of the text discounts its mentions. Close to 1 only where each term is
    in the title and many times in the text.
    """
    in_title = np.array([count.in_title for count in counts], dtype=np.float64)
    in_text = np.array([count.in_text for count in counts], dtype=np.float64)
    weights = _idf(np.count_nonzero(in_title + in_text, axis=0), len(counts))
    mentions = TITLE_WEIGHT * in_title + in_text * _length_discounts(counts)[:, None]
    return np.asarray(_saturated(mentions) @ (weights / weights.sum()))


def _length_discounts(counts: Sequence[TermCounts]) -> Floats:
    """The weight of a mention in each text, of shape (n,): 1 in a text of mean length."""
    words = np.array([count.text_words for count in counts], dtype=np.float64)
    mean = (words.sum() + PRIOR_ARTICLES * PRIOR_WORDS) / (len(counts) + PRIOR_ARTICLES)
    return np.asarray(1 / (1 - LENGTH_NORMALISATION + LENGTH_NORMALISATION * words / mean))


def _saturated(mentions: Floats) -> Floats:
    """Mentions → their contribution, 0–1."""
    return mentions / (mentions + SATURATION)


def _idf(document_frequencies: npt.NDArray[np.int64], articles: int) -> Floats:
    """The inverse document frequency of terms, from the number of `articles` with each; above 0."""
    having = document_frequencies + PRIOR_ARTICLES * PRIOR_SHARE
    lacking = articles + PRIOR_ARTICLES - having
    return np.log1p((lacking + 0.5) / (having + 0.5))


def _matrix(vectors: Sequence[Vectors | None]) -> Floats:
    """One row per vector; zeros where it is missing, not finite, or shorter than others."""
    dimension = max((len(vector) for vector in vectors if vector is not None), default=0)
    rows = np.zeros((len(vectors), dimension))
    for row, vector in zip(rows, vectors, strict=True):
        if vector is not None and len(vector) == dimension and np.isfinite(vector).all():
            row[:] = vector
    return rows


def _semantic_shares(query: Vectors | None, rows: Floats) -> Floats:
    """The cosine scaled from UNRELATED_COSINE, 0, to SAME_COSINE, 1; NaN without a vector."""
    if query is None or len(query) != rows.shape[1] or not np.isfinite(query).all():
        return np.full(len(rows), np.nan)
    shares = (rows @ query.astype(np.float64) - UNRELATED_COSINE) / (SAME_COSINE - UNRELATED_COSINE)
    return np.where(rows.any(axis=1) & query.any(), shares, np.nan)


# Feedback from the best articles


class _Best:
    """The positions of the best articles, with weights that sum to 1."""

    def __init__(self, positions: Sequence[int], weights: Floats) -> None:
        self.positions = np.asarray(positions, dtype=np.int64)
        self.weights = weights

    def mean(self, values: Floats) -> float:
        """The weighted mean over the best of `values`, one for each article."""
        return float(self.weights @ values[self.positions])


def _best_articles(own: Floats, documents: Sequence[Document]) -> _Best:
    """Ties are broken by the content of the documents, never by their positions."""
    lowest = (
        np.partition(own, -FEEDBACK_ARTICLES)[-FEEDBACK_ARTICLES]
        if len(own) > FEEDBACK_ARTICLES
        else 0.0
    )
    eligible = [int(position) for position in np.flatnonzero(own >= lowest)]
    eligible.sort(key=lambda position: (-own[position], *_content(documents[position])))
    positions = eligible[:FEEDBACK_ARTICLES]
    weights = np.exp((own[positions] - own[positions[0]]) / FEEDBACK_DECAY)
    return _Best(positions, weights / weights.sum())


def _content(document: Document) -> tuple[bytes, bytes]:
    counts, vector = document
    return msgspec.msgpack.encode(counts), b"" if vector is None else vector.tobytes()


def _similarity_to_best(best: _Best, vectors: Floats, counts: Sequence[TermCounts]) -> Floats:
    """How similar each article is to the best, of shape (n,); at most 1, their own mean.

    The mean of the similarity in meaning and in words. `vectors` are unit rows of shape
    (n, dimension), zero where an embedding failed: such an article is compared in words alone, and
    one without words in meaning alone. NaN where neither can be compared.
    """
    both = np.stack([_similarity_in_meaning(best, vectors), _similarity_in_words(best, counts)])
    known = np.count_nonzero(~np.isnan(both), axis=0)
    total = np.where(np.isnan(both), 0.0, both).sum(axis=0)
    return np.where(known > 0, np.minimum(total / np.maximum(known, 1), 1.0), np.nan)


def _similarity_in_meaning(best: _Best, vectors: Floats) -> Floats:
    """The dot product with the weighted mean of the best (Rocchio, 1971); NaN without a vector."""
    centroid = best.weights @ vectors[best.positions]
    norm = float(centroid @ centroid)
    if norm == 0.0:
        return np.full(len(vectors), np.nan)
    return np.where(vectors.any(axis=1), vectors @ centroid / norm, np.nan)


def _similarity_in_words(best: _Best, counts: Sequence[TermCounts]) -> Floats:
    """BM25 for the expansion terms, weighted by their share of the best texts and by idf.

    The relevance model of Lavrenko and Croft (SIGIR 2001) on the most frequent stems of each
    article. NaN where there is nothing to compare.
    """
    stems = _FrequentStems(counts)
    mentions, weights = stems.expansion(best)
    total = weights.sum()
    if total == 0.0:
        return np.full(len(counts), np.nan)
    bm25 = _saturated(mentions * _length_discounts(counts)[:, None]) @ (weights / total)
    return np.where(stems.per_article > 0, bm25 / best.mean(bm25), np.nan)


class _FrequentStems:
    """The frequent stems of all articles, as one table of article, stem and mentions."""

    def __init__(self, counts: Sequence[TermCounts]) -> None:
        self.per_article = np.array([len(count.frequencies) for count in counts], dtype=np.int64)
        self._articles = np.repeat(np.arange(len(counts)), self.per_article)
        self._stems = np.frombuffer(b"".join(count.frequent for count in counts), dtype="<u4")
        joined = b"".join(count.frequencies for count in counts)
        self._mentions = np.frombuffer(joined, dtype=np.uint8).astype(np.float64)

    def expansion(self, best: _Best) -> tuple[Floats, Floats]:
        """The expansion terms: mentions in each article, of shape (n, terms), and their weights."""
        stems_of_best = [self._stems[self._rows_of(position)] for position in best.positions]
        stems = np.unique(np.concatenate(stems_of_best))
        rows = np.flatnonzero(np.isin(self._stems, stems))
        columns = np.searchsorted(stems, self._stems[rows])
        weights = self._shares(best, stems)
        weights *= _idf(np.bincount(columns, minlength=len(stems)), len(self.per_article))
        # By weight, then by stem: the order of the articles must not count.
        chosen = np.lexsort((stems, -np.round(weights, 12)))[:EXPANSION_TERMS]
        table = np.zeros((len(self.per_article), len(stems)))
        table[self._articles[rows], columns] = self._mentions[rows]
        return table[:, chosen], weights[chosen]

    def _shares(self, best: _Best, stems: npt.NDArray[np.uint32]) -> Floats:
        """The weighted mean of each stem's share of the best articles' mentions."""
        shares = np.zeros(len(stems))
        for position, weight in zip(best.positions, best.weights, strict=True):
            mentions = self._mentions[self._rows_of(position)]
            columns = np.searchsorted(stems, self._stems[self._rows_of(position)])
            np.add.at(shares, columns, weight * mentions / max(mentions.sum(), 1.0))
        return shares

    def _rows_of(self, position: np.int64) -> slice:
        end = int(self.per_article[: position + 1].sum())
        return slice(end - int(self.per_article[position]), end)
