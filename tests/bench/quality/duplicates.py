"""Near-duplicates: the news pages with five copies of each, against pairs of different pages."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import combinations

import click
import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from nlp.analysis import Fingerprint
from nlp.article import Article, Page
from nlp.embedding.embedder import Embedder, Vectors, title_and_lead
from nlp.extraction.extract import extract
from nlp.models import load_models
from nlp.similarity.duplicates import duplicates
from nlp.similarity.fingerprint import COSINE_DECIMALS, embedding_of, fingerprint, shingles_of
from nlp.text.words import sentences
from tasks.settings import default_models_dir
from tests.bench.figure import Figure, compared
from tests.bench.shared_data import news_pages

THRESHOLD = 0.97
RECALL_GOAL, PRECISION_GOAL = 0.98, 0.99
ORIGINAL = "original"
BYLINE = "By Jordan Hale, staff correspondent."
LEAD = (
    "Readers have asked us for weeks what lies behind this matter, and the short answer is that "
    "nobody knows for certain. Our desk has followed it from the start, spoken with people on "
    "both sides, and collected below what has been established so far."
)


class Variant(Struct, frozen=True, kw_only=True):
    """One text of one page, prepared for comparison."""

    page: int
    name: str
    fingerprint: Fingerprint
    shingles: frozenset[int]
    row: Vectors


class Verdicts(Struct, frozen=True, kw_only=True):
    """For some pairs: the decision of our rule, and that of the cosine alone."""

    merged: npt.NDArray[np.bool_]
    by_cosine: npt.NDArray[np.bool_]


def duplicates_figures() -> Iterator[Figure]:
    """Recall over the copies of each page; precision over these and all pairs of different pages.

    Each pair is compared by itself, as the better and the worse of two articles.
    """
    if not news_pages():
        click.echo("No pages in ../shared/data: near-duplicates are skipped.", err=True)
        return
    variants = _variants(load_models(1, default_models_dir()).embedder)
    copies = [pair for pair in combinations(variants, 2) if _is_copy(*pair)]
    different = [pair for pair in combinations(variants, 2) if pair[0].page != pair[1].page]
    hits, errors = _verdicts(copies), _verdicts(different)
    for name in sorted({copy.name for _, copy in copies}):
        mask = [copy.name == name for _, copy in copies]
        yield _beside_cosine(
            f"recall, {name}", hits.merged[mask].mean(), hits.by_cosine[mask].mean()
        )
    yield _with_goal("recall", hits.merged.mean(), hits.by_cosine.mean(), RECALL_GOAL)
    yield _with_goal(
        "precision",
        _precision(hits.merged, errors.merged),
        _precision(hits.by_cosine, errors.by_cosine),
        PRECISION_GOAL,
    )
    yield Figure(name="near-duplicates, pairs of two pages", value=len(different), unit="pairs")


def _is_copy(first: Variant, second: Variant) -> bool:
    return first.page == second.page and first.name == ORIGINAL


def _verdicts(pairs: Sequence[tuple[Variant, Variant]]) -> Verdicts:
    cosines = [float(first.row @ second.row) for first, second in pairs]
    return Verdicts(
        merged=np.array([_merged(*pair) for pair in pairs]),
        by_cosine=np.round(cosines, COSINE_DECIMALS) >= THRESHOLD,
    )


def _merged(first: Variant, second: Variant) -> bool:
    if first.shingles.isdisjoint(second.shingles) and first.row @ second.row < THRESHOLD / 2:
        return False  # four in five pairs of different pages, which saves half a minute
    urls = ("https://one.example/", "https://other.example/")
    _, worse = duplicates((first.fingerprint, second.fingerprint), urls, THRESHOLD)
    return worse.match is not None


def _precision(hits: npt.NDArray[np.bool_], errors: npt.NDArray[np.bool_]) -> float:
    return float(hits.sum() / max(1, hits.sum() + errors.sum()))


def _beside_cosine(name: str, value: float, cosine: float) -> Figure:
    against = f"cosine >= {THRESHOLD:g} alone"
    return compared(f"near-duplicates, {name}", float(value), "", against, float(cosine))


def _with_goal(name: str, value: float, cosine: float, goal: float) -> Figure:
    figure = _beside_cosine(name, value, cosine)
    return replace(figure, goal=f">= {goal:g}", met=bool(value >= goal))


def _variants(embedder: Embedder) -> list[Variant]:
    texts: list[tuple[int, str, str, str]] = []
    for number, news_page in enumerate(news_pages()):
        title = _title(news_page.page)
        copies = _copies(news_page.text, random.Random(number))
        texts += [(number, name, title, text) for name, text in copies.items()]
    rows = embedder.encode([title_and_lead(title, text) for _, _, title, text in texts])
    return [
        _variant(number, name, fingerprint(text, row))
        for (number, name, _, text), row in zip(texts, rows, strict=True)
    ]


def _variant(page: int, name: str, fingerprint: Fingerprint) -> Variant:
    shingles = frozenset(shingles_of(fingerprint).tolist())
    row = embedding_of(fingerprint)
    return Variant(page=page, name=name, fingerprint=fingerprint, shingles=shingles, row=row)


def _title(page: Page) -> str:
    article = extract(page, 0)
    return article.title if isinstance(article, Article) else ""


def _copies(text: str, rng: random.Random) -> dict[str, str]:
    words = text.split()
    return {
        ORIGINAL: text,
        "new byline": f"{BYLINE}\n{text}",
        "first 60 %": " ".join(words[: max(1, round(0.6 * len(words)))]),
        "10 % of sentences dropped": _thinned(text, 0.1, rng),
        "30 % of sentences dropped": _thinned(text, 0.3, rng),
        "new lead": f"{LEAD}\n{text}",
    }


def _thinned(text: str, share: float, rng: random.Random) -> str:
    """`text` without a random share of its sentences."""
    whole = sentences(text)
    count = max(1, round(share * len(whole))) if len(whole) > 1 else 0
    dropped = set(rng.sample(range(len(whole)), count))
    return "\n".join(sentence for at, sentence in enumerate(whole) if at not in dropped)
