"""Decides which lines of a page are its article.

A logistic regression on what `nlp.extraction.line_features` says of each line. There are two sets
of weights: where trafilatura took the densest part of the page for the article, it is mostly
believed; elsewhere the boxes and the text itself decide. `scripts/bench judge` learns them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from msgspec import Struct

from nlp.extraction.blocks import Line
from nlp.extraction.line_features import Array, Features

DATA = Path(__file__).parents[1] / "data" / "judge.toml"

MIN_TRUST = 0.3
"""Share of the densest box that the other extractor has, from which it is believed."""

MIN_PROBABILITY = 0.5
"""From .45 to .55 the figures on other sites hardly differ."""


MIN_ITEM_PROBABILITY, MAX_LINK_SHARE, MAX_ITEMS = 0.02, 0.3, 12
"""A run of cells or items between kept lines is kept whole, where it is no menu and not longer."""


class Weights(Struct, frozen=True, kw_only=True):
    """One of the two sets: the weights of some features."""

    bias: float
    names: tuple[str, ...]
    values: Array

    def probabilities(self, features: Features) -> Array:
        """Of each line, shape (lines,)."""
        columns = np.stack([features.columns[name] for name in self.names])
        logits = self.bias + self.values @ columns
        return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))


def article_lines(lines: Sequence[Line], features: Features | None) -> list[Line]:
    """Those of the lines of a page that are its article, in their order."""
    if features is None:
        return []
    probabilities = weights(features.trust >= MIN_TRUST).probabilities(features)
    is_kept = probabilities > MIN_PROBABILITY
    for start, end in _short_runs_of_items(features, probabilities):
        if is_kept[start - 1] and is_kept[end]:
            is_kept[start:end] = True
    return [line for line, kept in zip(lines, is_kept, strict=True) if kept]


def _short_runs_of_items(features: Features, probabilities: Array) -> Iterator[tuple[int, int]]:
    """The starts and ends of short tables and lists that stand between other lines.

    Their cells and items are often too short to be judged alone.
    """
    columns = features.columns
    is_item = (columns["is_td"] + columns["is_li"] > 0) & (columns["hidden"] == 0)
    is_item &= (probabilities > MIN_ITEM_PROBABILITY) & (columns["link_share"] < MAX_LINK_SHARE)
    edges = np.flatnonzero(np.diff(is_item)) + 1
    for start, end in pairwise(edges.tolist()):
        if is_item[start] and end - start <= MAX_ITEMS:
            yield start, end


def weights(is_believed: bool) -> Weights:
    """The weights where the other extractor is believed or where it is not."""
    return _weights()["believed" if is_believed else "alone"]


@lru_cache(maxsize=1)
def _weights() -> dict[str, Weights]:
    tables = tomllib.loads(DATA.read_text("utf-8"))
    return {name: _as_weights(dict(table)) for name, table in tables.items()}


def _as_weights(table: dict[str, float]) -> Weights:
    bias = table.pop("bias")
    return Weights(bias=bias, names=tuple(table), values=np.array(list(table.values())))
