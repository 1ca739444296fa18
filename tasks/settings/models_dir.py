"""Where the exported models stand if no setting says so."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def default_models_dir(
    environ: Mapping[str, str] = os.environ,
    prefix: str = sys.prefix,
    base_prefix: str = sys.base_prefix,
) -> Path | None:
    """In the virtual environment that the weights are in; outside one, in the user's cache.

    An image is built by one user and run by another, without a home: the environment is what
    both have. None where there is neither.
    """
    if prefix != base_prefix:
        return Path(prefix) / "models"
    cache = environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # which the XDG specification says to ignore
        home = environ.get("HOME", "")
        cache = f"{home}/.cache" if os.path.isabs(home) else ""
    return Path(cache) / "content-curator" / "models" if cache else None
