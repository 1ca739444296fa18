"""The packaged sentence model as a file for onnxruntime: its folder, and whether it is complete.

`nlp.embedding.export` writes it into a folder named after the weights. The manifest is written last
and holds the hash of each file, so the remains of an interrupted export, or of a bad disk, are
never taken for a complete model.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

from nlp.minilm import MODEL, WEIGHTS_SHA256

EXPORTER_VERSION = 2
"""Raised when `nlp.embedding.export` makes another graph of the same weights."""

MODEL_NAME = "model.onnx"
TOKENIZER_NAME = "tokenizer.json"
MANIFEST_NAME = "manifest.json"


class Manifest(Struct, frozen=True, kw_only=True):
    """What an export says of itself."""

    weights_sha256: str
    exporter_version: int
    sha256: dict[str, str]
    """Name of each other file → its hash."""


class ExportedModel(Struct, frozen=True, kw_only=True):
    """The files of a model that is whole."""

    model_file: Path
    tokenizer_file: Path


def export_folder(models_dir: Path) -> Path:
    """The folder of the packaged weights' export, whether or not it exists."""
    return models_dir / MODEL


def find_exported(models_dir: Path) -> ExportedModel | None:
    """The export of the packaged weights; None if there is none, or it is not complete.

    Reads every byte, which takes 0.1 s.
    """
    folder = export_folder(models_dir)
    try:
        manifest = msgspec.json.decode((folder / MANIFEST_NAME).read_bytes(), type=Manifest)
        if manifest != manifest_of(folder):
            return None
    except (OSError, msgspec.MsgspecError):
        return None
    return ExportedModel(
        model_file=folder / MODEL_NAME,
        tokenizer_file=folder / TOKENIZER_NAME,
    )


def manifest_of(folder: Path) -> Manifest:
    """The manifest that fits these files. Raises OSError if one is missing."""
    return Manifest(
        weights_sha256=WEIGHTS_SHA256,
        exporter_version=EXPORTER_VERSION,
        sha256={name: sha256_of(folder / name) for name in (MODEL_NAME, TOKENIZER_NAME)},
    )


def sha256_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
