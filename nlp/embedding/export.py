"""Exports the packaged sentence model to a file for onnxruntime.

`python -m nlp.embedding.export DIR` is meant for setup and for building an image. It loads torch to
compare the export with the original, takes some ten seconds, and does nothing if the file is there
and complete. A job never exports.
"""

from __future__ import annotations

import fcntl
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import msgspec
import numpy as np
import onnx
from msgspec import Struct
from safetensors.numpy import load_file

from nlp.embedding.encoder_graph import encoder
from nlp.embedding.model_file import (
    MANIFEST_NAME,
    MODEL_NAME,
    TOKENIZER_NAME,
    ExportedModel,
    export_folder,
    find_exported,
    manifest_of,
    sha256_of,
)
from nlp.embedding.onnx_embedder import OnnxEmbedder
from nlp.minilm import MODEL_PACKAGE, WEIGHTS_SHA256

MIN_COSINE = 0.9999
"""Between the rows of the export and of the original; the lowest measured is .9999999."""

SAMPLE_TEXTS = (
    "",
    "A zebra crossed the river.",
    "The central bank raised its rates by a quarter of a point, as expected. " * 8,
    "Zürich, İstanbul, 東京, 😀 [MASK]",
    "Two hundred words of a lead say what the article is about. " * 40,
)


class ExportError(Exception):
    """The model cannot be exported."""


class Export(Struct, frozen=True, kw_only=True):
    """The JSON that `python -m nlp.embedding.export` prints."""

    model_file: str
    bytes: int
    made: bool
    """False if it was there already."""


def export(models_dir: Path) -> Export:
    """Export the model to `models_dir` unless it is there and complete; one process at a time.

    Raises ExportError if the package holds other weights, or if the export gives other vectors than
    the original; OSError if the directory cannot be written.
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    with _exclusive(models_dir):
        existing = find_exported(models_dir)
        exported = existing or _make(models_dir)
    return Export(
        model_file=str(exported.model_file),
        bytes=exported.model_file.stat().st_size,
        made=existing is None,
    )


@contextmanager
def _exclusive(models_dir: Path) -> Iterator[None]:
    with (models_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a crash, too, closes the file and so releases it
        yield


def _make(models_dir: Path) -> ExportedModel:
    source = Path(str(files(MODEL_PACKAGE))) / "model"
    if sha256_of(source / "model.safetensors") != WEIGHTS_SHA256:
        raise ExportError(f"the weights in {MODEL_PACKAGE} are not the published ones")
    folder = export_folder(models_dir)
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)
    _replace(folder / TOKENIZER_NAME, lambda part: shutil.copyfile(source / TOKENIZER_NAME, part))
    _replace(folder / MODEL_NAME, lambda part: _write_model(source, part))
    manifest = msgspec.json.encode(manifest_of(folder))
    _replace(folder / MANIFEST_NAME, lambda part: part.write_bytes(manifest))
    exported = find_exported(models_dir)
    if exported is None:
        raise ExportError(f"the export written to {folder} cannot be read back")
    return exported


def _replace(file: Path, write: Callable[[Path], object]) -> None:
    """Write beside `file`, and move it into place once it is complete."""
    part = file.with_name(f"{file.name}.part")
    write(part)
    part.replace(file)


def _write_model(source: Path, file: Path) -> None:
    onnx.save(encoder(load_file(source / "model.safetensors")), file)
    exported = ExportedModel(model_file=file, tokenizer_file=source / TOKENIZER_NAME)
    _compare(exported, SAMPLE_TEXTS)


def _compare(exported: ExportedModel, texts: Sequence[str]) -> None:
    """Raises ExportError if the export and the original embed these texts differently."""
    from nlp.embedding.sentence_embedder import SentenceTransformerEmbedder

    rows = OnnxEmbedder(exported, threads=1).encode(texts)
    cosines = (rows * SentenceTransformerEmbedder(threads=1).encode(texts)).sum(axis=1)
    if not np.min(cosines) >= MIN_COSINE:  # a NaN fails too
        raise ExportError("the exported model gives other vectors than the original")


def main() -> None:
    (models_dir,) = sys.argv[1:]
    try:
        outcome = export(Path(models_dir))
    except (ExportError, OSError) as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")


if __name__ == "__main__":
    main()
