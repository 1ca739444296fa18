"""Makes the packaged sentence model into a file for onnxruntime: `python -m nlp.export DIR`.

For setup and for the building of an image: it loads torch, takes some ten seconds, and does nothing
where the file is there and whole. A job never exports.
"""

from __future__ import annotations

import fcntl
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from nlp.exported import (
    MANIFEST_NAME,
    MODEL_NAME,
    TOKENIZER_NAME,
    ExportedModel,
    export_folder,
    find_exported,
    manifest_of,
    sha256_of,
)
from nlp.minilm import MODEL_PACKAGE, WEIGHTS_SHA256

OPSET = 17

MOST_DIFFERENCE = 1e-4
"""Between a number of the traced model and of the original; 3e-7 was measured."""


class ExportError(Exception):
    """The model cannot be exported."""


class Export(Struct, frozen=True, kw_only=True):
    """What `python -m nlp.export` prints, as JSON."""

    model_file: str
    bytes: int
    made: bool
    """False: it was there already."""


def export(models_dir: Path) -> Export:
    """The model among these, made if it is not there or not whole; one process at a time.

    Raises ExportError if the package holds other weights, or the traced model gives other vectors;
    OSError if the directory cannot be written.
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    with _alone(models_dir):
        found = find_exported(models_dir)
        exported = found or _make(models_dir)
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


def _make(models_dir: Path) -> ExportedModel:
    source = Path(str(files(MODEL_PACKAGE))) / "model"
    if sha256_of(source / "model.safetensors") != WEIGHTS_SHA256:
        raise ExportError(f"the weights in {MODEL_PACKAGE} are not the published ones")
    folder = export_folder(models_dir)
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)
    _written(folder / MODEL_NAME, lambda part: _trace(source, part))
    _written(folder / TOKENIZER_NAME, lambda part: shutil.copyfile(source / TOKENIZER_NAME, part))
    manifest = msgspec.json.encode(manifest_of(folder))
    _written(folder / MANIFEST_NAME, lambda part: part.write_bytes(manifest))
    exported = find_exported(models_dir)
    if exported is None:
        raise ExportError(f"what was written to {folder} cannot be read back")
    return exported


def _written(file: Path, write: Callable[[Path], object]) -> None:
    """Writes it beside its place, and moves it there when it is whole."""
    part = file.with_name(f"{file.name}.part")
    write(part)
    part.replace(file)


def _trace(source: Path, file: Path) -> None:
    """Writes the model with its pooling: (batch, tokens) ids and mask → (batch, 384) unit rows."""
    import torch
    from transformers import AutoModel
    from transformers.utils import logging as transformers_logging

    quiet: Callable[[], None] = transformers_logging.disable_progress_bar
    quiet()

    class Pooled(torch.nn.Module):
        """Mean of the token vectors that are not padding, at length 1."""

        def __init__(self) -> None:
            super().__init__()
            self.bert = AutoModel.from_pretrained(
                source, attn_implementation="eager", local_files_only=True
            )

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            weight = mask.unsqueeze(-1).float()
            # Given with its four dimensions, the mask passes through as it is; transformers would
            # make them by branches on its shape, which a trace freezes.
            bias = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
            hidden = self.bert(
                input_ids=ids, attention_mask=bias, token_type_ids=torch.zeros_like(ids)
            ).last_hidden_state
            mean = (hidden * weight).sum(dim=1) / weight.sum(dim=1)
            return torch.nn.functional.normalize(mean, dim=1)

    model = Pooled().eval()
    batch_and_tokens = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
        # The exporter by tracing is called legacy; its successor wants a package more.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model,
            (torch.ones((2, 16), dtype=torch.long), torch.ones((2, 16), dtype=torch.long)),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=["ids", "mask"],
            output_names=["rows"],
            dynamic_axes={"ids": batch_and_tokens, "mask": batch_and_tokens, "rows": {0: "batch"}},
        )
    # Of another shape than what was traced, and with padding.
    ids = torch.arange(1000, 1120).reshape(3, 40)
    mask = (torch.arange(40) < torch.tensor([[40], [17], [2]])).long()
    with torch.inference_mode():
        _compare(file, ids.numpy(), mask.numpy(), model(ids, mask).numpy())


def _compare(
    file: Path,
    ids: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    mask: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    expected: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> None:
    from nlp.onnx_embedder import open_session

    (rows,) = open_session(file, threads=1).run(None, {"ids": ids, "mask": mask})
    if not np.allclose(rows, expected, atol=MOST_DIFFERENCE):
        raise ExportError("the exported model gives other vectors than the original")


def main() -> None:
    try:
        made = export(Path(sys.argv[1]))
    except (ExportError, OSError) as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(msgspec.json.encode(made) + b"\n")


if __name__ == "__main__":
    main()
