"""Makes the packaged sentence model into a file for onnxruntime.

`python -m nlp.embedding.export DIR [fp32|int8]`, for setup and for the building of an image. It
loads torch, to compare what it made with the original, takes some ten seconds, and does nothing
where the file is there and whole. A job never exports.
"""

from __future__ import annotations

import fcntl
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    Precision,
    export_folder,
    find_exported,
    manifest_of,
    sha256_of,
)
from nlp.embedding.onnx_embedder import OnnxEmbedder
from nlp.embedding.quantised import quantised
from nlp.minilm import MODEL_PACKAGE, WEIGHTS_SHA256

LEAST_COSINE: Mapping[Precision, float] = {Precision.FP32: 0.9999, Precision.INT8: 0.95}
"""Between the rows of the file and of the original. The least measured: .9999999 and .986."""

COMPARED = (
    "",
    "A zebra crossed the river.",
    "The central bank raised its rates by a quarter of a point, as expected. " * 8,
    "Zürich, İstanbul, 東京, 😀 [MASK]",
    "Two hundred words of a lead say what the article is about. " * 40,
)


class ExportError(Exception):
    """The model cannot be exported."""


class Export(Struct, frozen=True, kw_only=True):
    """What `python -m nlp.embedding.export` prints, as JSON."""

    model_file: str
    bytes: int
    made: bool
    """False: it was there already."""


def export(models_dir: Path, precision: Precision = Precision.FP32) -> Export:
    """The model among these, made if it is not there or not whole; one process at a time.

    Raises ExportError if the package holds other weights, or the file gives other vectors; OSError
    if the directory cannot be written.
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    with _alone(models_dir):
        found = find_exported(models_dir, precision)
        exported = found or _make(models_dir, precision)
    return Export(
        model_file=str(exported.model_file),
        bytes=exported.model_file.stat().st_size,
        made=found is None,
    )


@contextmanager
def _alone(models_dir: Path) -> Iterator[None]:
    with (models_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed, by a crash too
        yield


def _make(models_dir: Path, precision: Precision) -> ExportedModel:
    source = Path(str(files(MODEL_PACKAGE))) / "model"
    if sha256_of(source / "model.safetensors") != WEIGHTS_SHA256:
        raise ExportError(f"the weights in {MODEL_PACKAGE} are not the published ones")
    folder = export_folder(models_dir, precision)
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)
    _written(folder / TOKENIZER_NAME, lambda part: shutil.copyfile(source / TOKENIZER_NAME, part))
    _written(folder / MODEL_NAME, lambda part: _write_model(source, part, precision))
    manifest = msgspec.json.encode(manifest_of(folder, precision))
    _written(folder / MANIFEST_NAME, lambda part: part.write_bytes(manifest))
    exported = find_exported(models_dir, precision)
    if exported is None:
        raise ExportError(f"what was written to {folder} cannot be read back")
    return exported


def _written(file: Path, write: Callable[[Path], object]) -> None:
    """Writes it beside its place, and moves it there when it is whole."""
    part = file.with_name(f"{file.name}.part")
    write(part)
    part.replace(file)


def _write_model(source: Path, file: Path, precision: Precision) -> None:
    model = encoder(load_file(source / "model.safetensors"))
    onnx.save(quantised(model) if precision is Precision.INT8 else model, file)
    made = ExportedModel(
        model_file=file, tokenizer_file=source / TOKENIZER_NAME, precision=precision
    )
    _compare(made, COMPARED)


def _compare(made: ExportedModel, texts: Sequence[str]) -> None:
    from nlp.embedding.sentence_embedder import SentenceTransformerEmbedder

    rows = OnnxEmbedder(made, threads=1).encode(texts)
    cosines = (rows * SentenceTransformerEmbedder(threads=1).encode(texts)).sum(axis=1)
    if not np.min(cosines) >= LEAST_COSINE[made.precision]:  # nor if one is no number
        raise ExportError("the exported model gives other vectors than the original")


def main() -> None:
    models_dir, *precision = sys.argv[1:]
    try:
        made = export(Path(models_dir), Precision(*precision or (Precision.FP32,)))
    except (ExportError, OSError) as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(msgspec.json.encode(made) + b"\n")


if __name__ == "__main__":
    main()
