"""The settings: what an operator may set by the environment.

`declarations` is the table of all settings; `reader` reads and shows them; `predecessors` are those
of the system before, which are not read.
"""

from __future__ import annotations

from tasks.settings.declarations import (
    SOURCE_KEYS,
    Settings,
    check_sources,
    default_models_dir,
)
from tasks.settings.predecessors import ignored_variables
from tasks.settings.reader import read_settings, setting_rows

__all__ = [
    "SOURCE_KEYS",
    "Settings",
    "check_sources",
    "default_models_dir",
    "ignored_variables",
    "read_settings",
    "setting_rows",
]
