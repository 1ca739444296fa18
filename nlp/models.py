"""What an analysis needs that is loaded once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nlp.embedder import Embedder
from nlp.entities import EntityRecognizer
from nlp.exported import export_folder, find_exported
from nlp.language import warm_up
from nlp.remembering import RememberingEmbedder
from nlp.reputation import Reputations, load_reputations


@dataclass(frozen=True, kw_only=True)
class Models:
    """The models and data of a process; read only, so every analysis may share them."""

    embedder: Embedder
    entities: EntityRecognizer
    reputations: Reputations


class EmbedderChoice(StrEnum):
    """What computes the vectors, from the same weights."""

    AUTO = "auto"
    """onnxruntime where the model has been exported, else sentence-transformers."""
    ONNX = "onnx"
    SENTENCE_TRANSFORMERS = "sentence-transformers"
    """On a GPU if there is one."""


class NotExported(Exception):
    """onnxruntime was asked for, and the model has not been exported."""


def load_models(
    threads: int,
    models_dir: Path | None = None,
    choice: EmbedderChoice = EmbedderChoice.AUTO,
) -> Models:
    """Load the packaged models, once in a process.

    Where the model has been exported to `models_dir` this takes 2 s of processor time and 390 MB,
    and torch is not imported; with sentence-transformers 6 s and 600 MB. `threads` bounds the
    processor threads of the embedder. The libraries are imported only here, so that `Models` can be
    named, and faked, without them. Raises NotExported.
    """
    warm_up()
    # spaCy first: it hides torch while it is imported.
    from nlp.spacy_entities import SpacyRecognizer

    entities = SpacyRecognizer()
    return Models(
        embedder=RememberingEmbedder(_embedder(threads, models_dir, choice)),
        entities=entities,
        reputations=load_reputations(),
    )


def _embedder(threads: int, models_dir: Path | None, choice: EmbedderChoice) -> Embedder:
    wanted = choice is not EmbedderChoice.SENTENCE_TRANSFORMERS
    exported = find_exported(models_dir) if wanted and models_dir else None
    if exported:
        from nlp.onnx_embedder import OnnxEmbedder

        return OnnxEmbedder(exported.model_file, exported.tokenizer_file, threads)
    if choice is EmbedderChoice.ONNX:
        where = export_folder(models_dir) if models_dir else "no directory"
        raise NotExported(f"no whole export of the model in {where}: run `curator models export`")
    from nlp.sentence_embedder import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(threads)
