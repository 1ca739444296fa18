"""Relevance on the Cranfield collection: our score beside the scores that it combines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from nlp.decision import RELEVANCE_FLOOR
from nlp.embedding.embedder import Embedder, Vectors, title_and_lead
from nlp.models import load_models
from nlp.relevance import FEEDBACK_SHARE, relevance
from nlp.text.query_terms import ArticleStems, article_stems
from tasks.settings import default_models_dir
from tests.bench.figure import Figure, compared
from tests.bench.shared_data import CRANFIELD
from tests.sampleweb.catalogue import ARTICLES, TOPICS

GOAL = 45.0
DEPTH = 10
RANK_OFFSET = 60
"""The usual k of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

HALVES = 200
FEEDBACK_SHARES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Of these, the held-out figure chooses the best on one half of the queries."""

Floats = npt.NDArray[np.float64]


class Document(Struct, frozen=True, kw_only=True):
    id: str
    title: str
    text: str


class Query(Struct, frozen=True, kw_only=True):
    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Documents, queries, and for each query the positions of its relevant documents."""

    documents: tuple[Document, ...]
    queries: tuple[Query, ...]
    judged: tuple[frozenset[int], ...]


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The scores of all documents for one query, in their order."""

    lexical: Floats
    cosine: Floats
    own: Floats
    """Lexical and semantic share in equal parts, without feedback."""
    relevance: Floats


def retrieval_figures() -> Iterator[Figure]:
    """nDCG@10 over all documents for every query; no figures where the collection is missing."""
    if not (CRANFIELD / "corpus.jsonl").is_file():
        click.echo("No Cranfield collection in ../shared/data: retrieval is skipped.", err=True)
        return
    collection = load_collection(CRANFIELD)
    embedder = load_models(1, default_models_dir()).embedder
    jobs = scored(collection, embedder)
    yield from figures(collection, jobs)
    yield _lost(collection, jobs)
    yield from floor_figures(embedder)


def load_collection(folder: Path) -> Collection:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`."""
    documents = msgspec.json.Decoder(Document).decode_lines((folder / "corpus.jsonl").read_bytes())
    queries = msgspec.json.Decoder(Query).decode_lines((folder / "queries.jsonl").read_bytes())
    positions = {document.id: position for position, document in enumerate(documents)}
    judged: dict[str, set[int]] = {query.id: set() for query in queries}
    for line in (folder / "qrels.tsv").read_text("utf-8").splitlines()[1:]:
        query, document = line.split("\t")[:2]
        judged[query].add(positions[document])
    return Collection(
        documents=tuple(documents),
        queries=tuple(queries),
        judged=tuple(frozenset(judged[query.id]) for query in queries),
    )


def scored(collection: Collection, embedder: Embedder) -> list[Scored]:
    """Each query as a job with all documents as candidates."""
    documents = collection.documents
    rows = embedder.encode([title_and_lead(each.title, each.text) for each in documents])
    stems = [article_stems(each.title, each.text) for each in documents]
    return [_scored(query.text, embedder, stems, rows) for query in collection.queries]


def _scored(query: str, embedder: Embedder, stems: Sequence[ArticleStems], rows: Vectors) -> Scored:
    query_vector = embedder.encode([query])[0]
    counts = [document.for_query(query) for document in stems]
    results = relevance(query_vector, list(zip(counts, rows, strict=True)))
    lexical = np.array([result.lexical for result in results])
    semantic = np.array([result.semantic for result in results])
    return Scored(
        lexical=lexical,
        cosine=(rows @ query_vector).astype(np.float64),
        own=(lexical + semantic) / 2,
        relevance=np.array([result.relevance for result in results]),
    )


def figures(collection: Collection, jobs: Sequence[Scored]) -> Iterator[Figure]:
    """Ours beside each of its parts, and with the feedback share chosen on held-out queries."""

    def measured(score: Callable[[Scored], Floats]) -> Floats:
        pairs = zip(jobs, collection.judged, strict=True)
        return np.array([ndcg(score(job), judged) for job, judged in pairs])

    ours = float(measured(lambda job: job.relevance).mean())
    beside: dict[str, Callable[[Scored], Floats]] = {
        "BM25 alone": lambda job: job.lexical,
        "MiniLM alone": lambda job: job.cosine,
        f"both by rank (k = {RANK_OFFSET})": _by_rank,
        "both by score, without feedback": lambda job: job.own,
    }
    for name, score in beside.items():
        yield compared("Cranfield nDCG@10", ours, "", name, float(measured(score).mean()))
    shares = [measured(partial(_with_feedback, share=share)) for share in FEEDBACK_SHARES]
    yield _with_goal("Cranfield nDCG@10", ours)
    yield _with_goal("Cranfield nDCG@10, held-out halves", held_out(np.stack(shares)))


def _lost(collection: Collection, jobs: Sequence[Scored]) -> Figure:
    pairs = zip(jobs, collection.judged, strict=True)
    relevant = np.concatenate([job.relevance[sorted(judged)] for job, judged in pairs])
    lost = float(100 * np.mean(relevant < RELEVANCE_FLOOR))
    return Figure(
        name=f"Cranfield, relevant below the floor of {RELEVANCE_FLOOR:g}",
        value=lost,
        unit="%",
        goal="<= 1 %",
        met=lost <= 1,
    )


def floor_figures(embedder: Embedder) -> Iterator[Figure]:
    """Articles of the sample web below the floor: each topic is a job with all articles."""
    rows = embedder.encode([title_and_lead(each.title, each.text) for each in ARTICLES])
    stems = [article_stems(each.title, each.text) for each in ARTICLES]
    below: dict[bool, list[bool]] = {True: [], False: []}
    for topic in TOPICS:
        job = _scored(topic, embedder, stems, rows)
        for article, score in zip(ARTICLES, job.relevance, strict=True):
            below[article.topic == topic].append(bool(score < RELEVANCE_FLOOR))
    own, other = (float(100 * np.mean(below[mine])) for mine in (True, False))
    name = "sample web, below the floor on"
    yield Figure(name=f"{name} their topic", value=own, unit="%", goal="0 %", met=own == 0)
    yield Figure(name=f"{name} another topic", value=other, unit="%")


def _with_goal(name: str, value: float) -> Figure:
    return Figure(name=name, value=value, unit="", goal=f">= {GOAL:g}", met=value >= GOAL)


def _by_rank(job: Scored) -> Floats:
    total = np.zeros(len(job.cosine))
    for scores in (job.lexical, job.cosine):
        order = np.argsort(-scores, kind="stable")
        total[order] += 1 / (RANK_OFFSET + 1 + np.arange(len(scores)))
    return total


def _with_feedback(job: Scored, share: float) -> Floats:
    """The relevance with another share of feedback, derived from the one with FEEDBACK_SHARE."""
    return job.own + share / FEEDBACK_SHARE * (job.relevance - job.own)


def held_out(by_choice: Floats) -> float:
    """The mean, on one half of the queries, of the choice that is best on the other half.

    `by_choice` has shape (choices, queries). The mean over HALVES random halves.
    """
    queries = by_choice.shape[1]
    rng = np.random.default_rng(0)
    means = []
    for _ in range(HALVES):
        order = rng.permutation(queries)
        seen, unseen = order[: queries // 2], order[queries // 2 :]
        chosen = by_choice[:, seen].mean(axis=1).argmax()
        means.append(by_choice[chosen, unseen].mean())
    return float(np.mean(means))


def ndcg(scores: Floats, judged: frozenset[int]) -> float:
    """nDCG@10 in per cent; a relevant document gains 1, ties are in the order of the documents."""
    discounts = 1 / np.log2(np.arange(2, DEPTH + 2))
    first = np.argsort(-scores, kind="stable")[:DEPTH]
    gains = np.array([position in judged for position in first.tolist()], dtype=np.float64)
    ideal = discounts[: min(DEPTH, len(judged))].sum()
    return float(100 * (gains @ discounts[: len(gains)]) / ideal) if judged else 0.0
