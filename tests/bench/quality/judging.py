"""Learns the weights by which extraction judges the lines of a page, and checks them by site.

The pages are the annotated ones, and each once more with the box of its article renamed to what
belongs to comments, a sidebar or a footer: a judge that has only seen ordinary pages believes such
names more than the text. Whether a line belongs to the article is read off the annotated text.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import numpy as np
from lxml.etree import _Element
from msgspec import Struct

from nlp.extraction import judge
from nlp.extraction.blocks import BLOCK_TAGS, Box, Line, lines_and_boxes
from nlp.extraction.charset import decode
from nlp.extraction.judge import MIN_PROBABILITY, MIN_TRUST, Weights
from nlp.extraction.line_features import Array, Features
from nlp.extraction.linked_data import linked_article
from nlp.extraction.main_text import described_lines, without_markup
from nlp.extraction.markup import bounded, parse
from nlp.extraction.metadata import meta_contents
from nlp.extraction.titles import title_of
from tests.bench.shared_data import NewsPage, news_pages, reader_pages

FOLDS = 8
RENAMED_WEIGHT = 0.3
"""Of a renamed page beside a real one, where trafilatura is believed."""

STRENGTH = 50.0
"""Of the ridge: the penalty of a standardised weight of 1 is half of this; the pages weigh 200
each at first. Half and twice as much gave no more."""

PAGE_WEIGHT = 200.0
WORDS_POWER = 0.7
CORE_SHARE = 0.8
RENAMED = (
    ("aside", "content-area"), ("div", "comment-article"), ("div", "sidebar-content"),
    ("div", "footer-body"), ("div", "share-box article"),
)  # fmt: skip

HEADER = """\
# Weights of the features of a line (nlp/extraction/line_features.py), by which
# nlp/extraction/judge.py decides what the article is. Learned by `scripts/bench judge`.
"""

_TOKEN = re.compile(r"\w+")
SHINGLE = 4


class Sample(Struct, frozen=True, kw_only=True):
    """One page with what is known of its lines."""

    collection: str
    site: str
    is_renamed: bool
    lines: tuple[str, ...]
    is_article: Array
    """1 for each line of the article."""
    columns: Mapping[str, Array]
    trust: float
    text: str
    """As people marked it."""

    @property
    def is_believed(self) -> bool:
        return self.trust >= MIN_TRUST

    def weights(self) -> Array:
        """Of its lines: long lines weigh more, and all pages the same."""
        words = np.array([len(_TOKEN.findall(line)) for line in self.lines])
        weights = np.maximum(1, words) ** WORDS_POWER
        kind = RENAMED_WEIGHT if self.is_renamed and self.is_believed else 1.0
        return np.asarray(PAGE_WEIGHT * kind * weights / weights.sum())

    def selected(self, weights: Weights) -> str:
        """The text that the judge would take."""
        matrix = np.stack([self.columns[name] for name in weights.names])
        logits = weights.bias + weights.values @ matrix
        threshold = np.log(MIN_PROBABILITY / (1 - MIN_PROBABILITY))
        pairs = zip(self.lines, logits > threshold, strict=True)
        return "\n".join(line for line, is_kept in pairs if is_kept)


def samples() -> list[Sample]:
    """Of all pages of both collections, as they are and renamed."""
    rng = random.Random(7)
    collections = (("news", news_pages()), ("reader", reader_pages()))
    return [
        sample
        for collection, pages in collections
        for page in pages
        for sample in _samples(collection, page, rng)
    ]


def _samples(collection: str, page: NewsPage, rng: random.Random) -> Iterator[Sample]:
    for renamed in (None, rng.choice(RENAMED)):
        html = decode(page.page.body)
        tree = parse(html)
        if tree is None:
            continue
        linked = linked_article(tree)
        tree = bounded(tree, len(html))
        url = page.page.url
        title = title_of(tree, meta_contents(tree), linked, url)
        if renamed and not _rename_core(tree, page.text, *renamed):
            continue
        lines, features = described_lines(tree, url, title, without_markup(linked.body))
        if features is not None:
            yield _sample(collection, page, lines, features, is_renamed=renamed is not None)


def _sample(
    collection: str, page: NewsPage, lines: Sequence[Line], features: Features, *, is_renamed: bool
) -> Sample:
    return Sample(
        collection=collection,
        site=page.site,
        is_renamed=is_renamed,
        lines=tuple(line.text for line in lines),
        is_article=_labels(lines, page.text),
        columns=features.columns,
        trust=features.trust,
        text=page.text,
    )


def _labels(lines: Sequence[Line], text: str) -> Array:
    """1 for each line at least half of whose shingles the marked text has, each shingle once.

    A shorter line must continue in the text the line before it, or be continued by the next.
    """
    left = Counter(_shingles(_TOKEN.findall(text)))
    whole = f" {' '.join(_TOKEN.findall(text))} "
    words = [_TOKEN.findall(line.text) for line in lines]
    labels = np.zeros(len(lines))
    for at, tokens in enumerate(words):
        of_line = Counter(_shingles(tokens))
        common = of_line & left
        if of_line and common.total() >= 0.5 * of_line.total():
            labels[at] = 1
            left -= common
    last: list[str] = []
    for at, tokens in enumerate(words):
        after = next((other for other in words[at + 1 :] if other), [])[:3]
        if 0 < len(tokens) < SHINGLE:
            joined = [last + tokens if last else [], tokens + after if after else []]
            labels[at] = any(other and f" {' '.join(other)} " in whole for other in joined)
        if labels[at]:
            last = tokens[-3:]
    return labels


def _shingles(tokens: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(tokens[at:] for at in range(SHINGLE)), strict=False)


def _rename_core(tree: _Element, text: str, tag: str, name: str) -> bool:
    """Give the smallest box with most of the article another tag and class, if it is no cell."""
    lines, boxes = lines_and_boxes(tree)
    sums = [0.0] * len(boxes)
    for line, label in zip(lines, _labels(lines, text), strict=True):
        sums[line.box.index] += len(line.text) * label
    for box in reversed(boxes):
        if box.parent:
            sums[box.parent.index] += sums[box.index]
    holding = [box for box in boxes if sums[box.index] >= CORE_SHARE * sums[0]]
    core: Box = max(holding, key=lambda box: box.depth)
    element = [element for element in tree.iter() if element.tag in BLOCK_TAGS][core.index - 1]
    if core.tag not in ("article", "div", "main", "section"):
        return False
    element.attrib.pop("id", None)
    element.tag = tag
    element.set("class", name)
    return True


# Learning


def learned(pages: Sequence[Sample]) -> dict[bool, Weights]:
    """The weights where trafilatura is believed and where it is not, of the features in use."""
    kinds = {kind: [page for page in pages if page.is_believed is kind] for kind in (True, False)}
    return {kind: _fitted(chosen, judge.weights(kind).names) for kind, chosen in kinds.items()}


def _fitted(pages: Sequence[Sample], names: tuple[str, ...]) -> Weights:
    """Weighted logistic regression with a ridge, by Newton's method."""
    matrix = np.concatenate([np.stack([page.columns[name] for name in names]).T for page in pages])
    labels = np.concatenate([page.is_article for page in pages])
    weights = np.concatenate([page.weights() for page in pages])
    mean = np.average(matrix, axis=0, weights=weights)
    scale = np.sqrt(np.average((matrix - mean) ** 2, axis=0, weights=weights)) + 1e-3
    inputs = np.hstack([(matrix - mean) / scale, np.ones((len(matrix), 1))])
    penalty = np.full(inputs.shape[1], STRENGTH)
    penalty[-1] = 1e-6
    solution = np.zeros(inputs.shape[1])
    for _ in range(30):
        chances = 1 / (1 + np.exp(-np.clip(inputs @ solution, -30, 30)))
        gradient = inputs.T @ (weights * (chances - labels)) + penalty * solution
        curvature = (inputs * (weights * chances * (1 - chances))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + np.diag(penalty), gradient)
        solution -= step
        if np.abs(step).max() < 1e-5:
            break
    values = solution[:-1] / scale
    return Weights(bias=float(solution[-1] - values @ mean), names=names, values=values)


def held_out(pages: Sequence[Sample]) -> Iterator[tuple[Sample, str]]:
    """Each page with the text that a judge takes which has seen no page of its site."""
    sites = sorted({page.site for page in pages})
    random.Random(0).shuffle(sites)
    for fold in range(FOLDS):
        chosen = set(sites[fold::FOLDS])
        weights = learned([page for page in pages if page.site not in chosen])
        for page in pages:
            if page.site in chosen:
                yield page, page.selected(weights[page.is_believed])


def _as_toml(weights: Mapping[bool, Weights]) -> str:
    tables = []
    for kind, name in ((True, "believed"), (False, "alone")):
        of_kind = weights[kind]
        pairs = zip(of_kind.names, of_kind.values, strict=True)
        lines = [f'"{feature}" = {value:.4g}' for feature, value in pairs]
        tables.append("\n".join([f"\n[{name}]", f"bias = {of_kind.bias:.4g}", *lines, ""]))
    return HEADER + "".join(tables)


@click.command("judge")
@click.option("--write", is_flag=True, help="Replace the weights in the tree.")
def judge_command(write: bool) -> None:
    """Learn how extraction judges lines, from the annotated pages."""
    pages = samples()
    if not pages:
        raise click.ClickException("The annotated pages are missing.")
    text = _as_toml(learned(pages))
    if write:
        Path(judge.DATA).write_text(text, "utf-8")
    click.echo(text)
