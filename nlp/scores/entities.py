"""The named things in a text, and how densely it names them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from nlp.article import Entity
from nlp.neutral import Unmeasurable
from nlp.text.words import words

READ_WORDS = 300
"""Words of a text that are read for entities: the whole takes three times as long."""

READ_CHARS = 4000

FULL_DENSITY = 0.10
"""Ten entities in a hundred words are 100."""

MAX_ENTITIES = 30
"""Entities that an article keeps."""

_CAPITALISED_RUN = re.compile(r"(?<![.!?\n] )(?<!^)\b[A-Z]\w+(?: [A-Z]\w+)*", re.MULTILINE)


class EntityRecognizer(Protocol):
    """What finds the named things in a text."""

    def mentions(self, text: str) -> Sequence[tuple[str, str]]:
        """Each mention as (words, label), in the order of `text`."""


class CapitalRecognizer:
    """A deterministic stand-in without a model: runs of capitalised words inside a sentence."""

    def mentions(self, text: str) -> Sequence[tuple[str, str]]:
        return [(found.group(), "NAME") for found in _CAPITALISED_RUN.finditer(text)]


def readable_part(text: str) -> str:
    """The beginning of `text` that is read for entities."""
    return " ".join(text[:READ_CHARS].split(" ")[:READ_WORDS])


def counted(mentions: Iterable[tuple[str, str]]) -> tuple[Entity, ...]:
    """The distinct entities of `mentions`, the most frequent first, then as they came."""
    counts = Counter((" ".join(name.split()), label) for name, label in mentions)
    return tuple(
        Entity(text=name, label=label, count=count)
        for (name, label), count in counts.most_common()
        if name
    )


def entity_density(entities: Iterable[Entity], read: str) -> float:
    """How densely `read` names things, 0–100.

    100 · min(1, (mentions / words) / 0.10): each mention counts, and ten in a hundred words
    are full marks, the measure of the system that this one succeeds. Raises `Unmeasurable`
    where `read` has no word.
    """
    word_count = len(words(read))
    if word_count == 0:
        raise Unmeasurable("The text has no words.")
    mentions = sum(entity.count for entity in entities)
    return 100.0 * min(1.0, mentions / word_count / FULL_DENSITY)
