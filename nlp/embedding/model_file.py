"""The arithmetic of the exported model."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from nlp.minilm import MODEL, WEIGHTS_SHA256


class Precision(StrEnum):
    """What the model's big matrices are multiplied in."""

    FP32 = "fp32"
    INT8 = "int8"
    """Faster, and not exact; see `nlp.embedding.quantised`. Cosines of it hold against no threshold
    that was set for fp32."""


EXPORTER_VERSION = 2
"""Raised when `nlp.embedding.export` makes another graph of the same weights."""

MODEL_NAME = "model.onnx"
TOKENIZER_NAME = "tokenizer.json"
MANIFEST_NAME = "manifest.json"


class Manifest(Struct, frozen=True, kw_only=True):
    """What an export says of itself."""

    weights_sha256: str
    exporter_version: int
    precision: Precision
    sha256: dict[str, str]
    """Name of each other file → its hash."""


class ExportedModel(Struct, frozen=True, kw_only=True):
    """The files of a model that is whole."""

    model_file: Path
    tokenizer_file: Path
    precision: Precision

    @property
    def identity(self) -> str:
        """Of the weights, and of what was made of them."""
        return f"{MODEL}/onnx-{EXPORTER_VERSION}/{self.precision}"


def export_folder(models_dir: Path, precision: Precision = Precision.FP32) -> Path:
    """Where among the models this export of the packaged weights stands, or would."""
    return models_dir / (MODEL if precision is Precision.FP32 else f"{MODEL}-{precision}")


def find_exported(models_dir: Path, precision: Precision = Precision.FP32) -> ExportedModel | None:
    """The export of the packaged weights; None if there is none, or it is not whole.

    Reads every byte: 0.1 s.
    """
    folder = export_folder(models_dir, precision)
    try:
        manifest = msgspec.json.decode((folder / MANIFEST_NAME).read_bytes(), type=Manifest)
        if manifest != manifest_of(folder, precision):
            return None
    except (OSError, msgspec.MsgspecError):
        return None
    return ExportedModel(
        model_file=folder / MODEL_NAME,
        tokenizer_file=folder / TOKENIZER_NAME,
        precision=precision,
    )


def manifest_of(folder: Path, precision: Precision = Precision.FP32) -> Manifest:
    """What the manifest of these files must say. Raises OSError if one is missing."""
    return Manifest(
        weights_sha256=WEIGHTS_SHA256,
        exporter_version=EXPORTER_VERSION,
        precision=precision,
        sha256={name: sha256_of(folder / name) for name in (MODEL_NAME, TOKENIZER_NAME)},
    )


def sha256_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
