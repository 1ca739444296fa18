"""The settings: what an operator may set by the environment.

`declarations` is the table of all settings; `reader` reads and shows them.
"""

from __future__ import annotations

from tasks.settings.declarations import (
    SOURCE_KEYS,
    Settings,
    check_sources,
    default_models_dir,
)
from tasks.settings.reader import read_settings, setting_rows

__all__ = [
    "SOURCE_KEYS",
    "Settings",
    "check_sources",
    "default_models_dir",
    "read_settings",
    "setting_rows",
]
