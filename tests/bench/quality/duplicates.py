"""Near-duplicates: the shared pages and five copies of each, against all pairs of other pages."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

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


class Print(Struct, frozen=True, kw_only=True):
    """One text of one page, as it is compared."""

    page: int
    variant: str
    fingerprint: Fingerprint
    shingles: frozenset[int]
    row: Vectors


class Verdicts(Struct, frozen=True, kw_only=True):
    """Of some pairs: what our rule says, and what the cosine alone would."""

    merged: npt.NDArray[np.bool_]
    near: npt.NDArray[np.bool_]


def duplicates_figures() -> Iterator[Figure]:
    """Recall over page × copy; precision over those and all pairs of texts of two pages.

    Each pair is compared by itself, as the better and the worse of two articles.
    """
    if not news_pages():
        click.echo("No pages in ../shared/data: near-duplicates are skipped.", err=True)
        return
    prints = _prints(load_models(1, default_models_dir()).embedder)
    copies = [(one, other) for one, other in _pairs(prints) if _is_copy(one, other)]
    strangers = [(one, other) for one, other in _pairs(prints) if one.page != other.page]
    found, wrong = _verdicts(copies), _verdicts(strangers)
    for variant in sorted({other.variant for _, other in copies}):
        of = [other.variant == variant for _, other in copies]
        yield _beside_cosine(f"recall, {variant}", found.merged[of].mean(), found.near[of].mean())
    yield _with_goal("recall", found.merged.mean(), found.near.mean(), RECALL_GOAL)
    yield _with_goal(
        "precision",
        _precision(found.merged, wrong.merged),
        _precision(found.near, wrong.near),
        PRECISION_GOAL,
    )
    yield Figure(name="near-duplicates, pairs of two pages", value=len(strangers), unit="pairs")


def _is_copy(one: Print, other: Print) -> bool:
    return one.page == other.page and one.variant == ORIGINAL


def _verdicts(pairs: Sequence[tuple[Print, Print]]) -> Verdicts:
    cosines = [float(one.row @ other.row) for one, other in pairs]
    return Verdicts(
        merged=np.array([_merged(*pair) for pair in pairs]),
        near=np.round(cosines, COSINE_DECIMALS) >= THRESHOLD,
    )


def _merged(one: Print, other: Print) -> bool:
    if one.shingles.isdisjoint(other.shingles) and one.row @ other.row < THRESHOLD / 2:
        return False  # four in five pairs of two pages, which saves half a minute
    urls = ("https://one.example/", "https://other.example/")
    _, worse = duplicates((one.fingerprint, other.fingerprint), urls, THRESHOLD)
    return worse.match is not None


def _precision(found: npt.NDArray[np.bool_], wrong: npt.NDArray[np.bool_]) -> float:
    return float(found.sum() / max(1, found.sum() + wrong.sum()))


def _beside_cosine(name: str, value: float, cosine: float) -> Figure:
    against = f"cosine >= {THRESHOLD:g} alone"
    return compared(f"near-duplicates, {name}", float(value), "", against, float(cosine))


def _with_goal(name: str, value: float, cosine: float, goal: float) -> Figure:
    figure = _beside_cosine(name, value, cosine)
    return replace(figure, goal=f">= {goal:g}", met=bool(value >= goal))


def _prints(embedder: Embedder) -> list[Print]:
    texts: list[tuple[int, str, str, str]] = []
    for number, one in enumerate(news_pages()):
        title = _title(one.page)
        made = _variants(one.text, random.Random(number))
        texts += [(number, variant, title, text) for variant, text in made.items()]
    rows = embedder.encode([title_and_lead(title, text) for _, _, title, text in texts])
    return [
        _print(number, variant, fingerprint(text, row))
        for (number, variant, _, text), row in zip(texts, rows, strict=True)
    ]


def _print(page: int, variant: str, made: Fingerprint) -> Print:
    shingles = frozenset(shingles_of(made).tolist())
    row = embedding_of(made)
    return Print(page=page, variant=variant, fingerprint=made, shingles=shingles, row=row)


def _title(page: Page) -> str:
    article = extract(page, 0)
    return article.title if isinstance(article, Article) else ""


def _variants(text: str, chance: random.Random) -> dict[str, str]:
    words = text.split()
    return {
        ORIGINAL: text,
        "new byline": f"{BYLINE}\n{text}",
        "first 60 %": " ".join(words[: max(1, round(0.6 * len(words)))]),
        "10 % of sentences dropped": _thinned(text, 0.1, chance),
        "30 % of sentences dropped": _thinned(text, 0.3, chance),
        "new lead": f"{LEAD}\n{text}",
    }


def _thinned(text: str, share: float, chance: random.Random) -> str:
    told = sentences(text)
    count = max(1, round(share * len(told))) if len(told) > 1 else 0
    dropped = set(chance.sample(range(len(told)), count))
    return "\n".join(one for place, one in enumerate(told) if place not in dropped)


def _pairs(prints: Sequence[Print]) -> Iterator[tuple[Print, Print]]:
    for place, one in enumerate(prints):
        for other in prints[place + 1 :]:
            yield one, other
