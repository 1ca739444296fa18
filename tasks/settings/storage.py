"""The settings of Redis: where it is, and what is ours in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from tasks.settings.declared import SECRET


class StorageSettings(Struct, frozen=True, kw_only=True):
    """Where jobs are kept."""

    redis_url: Annotated[
        str | None,
        Meta(
            description=(
                "Valkey or Redis, as redis://, rediss:// or unix://. Empty: the embedded Valkey."
            ),
            extra=SECRET,
        ),
    ] = None
    key_prefix: Annotated[
        str, Meta(min_length=1, description="What every key in Redis begins with.")
    ] = "curator:"
    state_dir: Annotated[Path, Meta(description="Where the embedded Valkey keeps its data.")] = (
        Path(".state")
    )
