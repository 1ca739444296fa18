"""The settings of the engine and of the models that it loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from tasks.errors import InvalidSettings
from tasks.settings.caches import CacheSettings
from tasks.settings.models_dir import default_models_dir


class EngineSettings(CacheSettings, frozen=True, kw_only=True):
    """What the engine runs with."""

    engine_threads: Annotated[
        int, Meta(ge=0, le=256, description="Threads of the engine; 0: one for each core.")
    ] = 0
    engine_memory_mb: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "Megabytes that one analysis may take beside the models, on Linux; 0: no limit."
            ),
        ),
    ] = 2048
    models_dir: Annotated[
        Path | None,
        Meta(
            description=(
                "Where `curator models export` writes. Empty: `models` in the virtual environment, "
                "or content-curator/models in the user's cache directory."
            )
        ),
    ] = None
    embedder: Annotated[
        str,
        Meta(
            pattern="^(auto|onnx|sentence-transformers)$",
            description=(
                "onnx, sentence-transformers (on a GPU if there is one), or auto: onnx where the "
                "model has been exported."
            ),
        ),
    ] = "auto"
    embedding_model: Annotated[
        str | None,
        Meta(
            description=(
                "Another model than the packaged one, by its path or its name; for "
                "sentence-transformers alone."
            )
        ),
    ] = None
    embedding_precision: Annotated[
        str,
        Meta(
            pattern="^(fp32|int8)$",
            description=(
                "fp32, or int8: embeds faster, is not exact, and needs an export of its own."
            ),
        ),
    ] = "fp32"

    @property
    def models_path(self) -> Path:
        """Where the exported models stand."""
        return self.models_dir or default_models_dir() or self.state_dir / "models"


def check_embedding(settings: EngineSettings) -> None:
    """Raises InvalidSettings where another model is named that the embedder cannot run."""
    if settings.embedding_model and settings.embedder != "sentence-transformers":
        raise InvalidSettings("EMBEDDING_MODEL: another model needs EMBEDDER=sentence-transformers")
