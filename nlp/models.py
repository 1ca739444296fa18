"""The models and data of an analysis, which are loaded once in a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nlp.embedding.embedder import CachingEmbedder, Embedder
from nlp.embedding.model_file import export_folder, find_exported
from nlp.scores.entities import EntityRecognizer
from nlp.scores.provenance import Reputations, load_reputations
from nlp.text.language import warm_up


def _nothing() -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Models:
    """The models and data of a process; read-only, so all analyses may share them."""

    embedder: Embedder
    entities: EntityRecognizer
    reputations: Reputations
    load_rest: Callable[[], None] = _nothing
    """Loads what would otherwise be loaded at its first use; for idle time, from any thread."""


class EmbedderChoice(StrEnum):
    """The library that computes the vectors, from the same weights."""

    AUTO = "auto"
    """onnxruntime if the model has been exported, else sentence-transformers."""
    ONNX = "onnx"
    SENTENCE_TRANSFORMERS = "sentence-transformers"
    """On a GPU if there is one."""


class CannotEmbed(Exception):
    """The chosen embedder cannot be used here; says what to do."""


class NotExported(CannotEmbed):
    """It needs an exported model, and there is none."""


class NotInstalled(CannotEmbed):
    """Its library is not installed, as in the small image."""


def load_models(
    threads: int,
    models_dir: Path | None = None,
    choice: EmbedderChoice = EmbedderChoice.AUTO,
    model: str | None = None,
) -> Models:
    """Load the embedder; the rest is loaded by `Models.load_rest`, or when it is first used.

    If the model has been exported to `models_dir`, this takes 0.5 s of processor time and 190 MB,
    and the rest 1.3 s and 160 MB; torch is not imported. With sentence-transformers it takes 4 s
    and 430 MB. `threads` limits the processor threads of the embedder; `model` replaces the
    packaged one, with sentence-transformers only. The libraries are imported inside functions, so
    that `Models` can be imported, and faked, without them. Raises CannotEmbed.
    """
    from nlp.scores.entities import SpacyRecognizer

    entities = SpacyRecognizer()

    def load_rest() -> None:
        warm_up()
        entities.load()

    return Models(
        embedder=CachingEmbedder(_embedder(threads, models_dir, choice, model)),
        entities=entities,
        reputations=load_reputations(),
        load_rest=load_rest,
    )


def _embedder(
    threads: int,
    models_dir: Path | None,
    choice: EmbedderChoice,
    model: str | None,
) -> Embedder:
    may_be_onnx = choice is not EmbedderChoice.SENTENCE_TRANSFORMERS
    exported = find_exported(models_dir) if may_be_onnx and models_dir else None
    if exported:
        from nlp.embedding.onnx_embedder import OnnxEmbedder

        return OnnxEmbedder(exported, threads)
    if choice is EmbedderChoice.ONNX:
        folder = export_folder(models_dir) if models_dir else "no directory"
        raise NotExported(
            f"no complete export of the model in {folder}: run `curator models export`"
        )
    try:
        from nlp.embedding.sentence_embedder import SentenceTransformerEmbedder
    except ModuleNotFoundError as error:
        raise NotInstalled(
            f"{error.name} is not installed here: use EMBEDDER=onnx, or the image `full`"
        ) from error
    return SentenceTransformerEmbedder(threads, model)
