"""The settings, and the one place that reads the environment for them.

Each field of `Settings` is one variable: its name in capitals. The annotation holds its bounds
and what it does. A new one goes into the file of its group, which `settings` lists, with a row in
docs/settings.md; a check that spans several stands below them, and `reading` calls it. `rows`
shows them to the operator.
"""

from __future__ import annotations

from tasks.settings.reading import read_settings
from tasks.settings.rows import setting_rows
from tasks.settings.settings import Settings
from tasks.settings.sources import SOURCE_KEYS, check_sources, unknown_source
from tasks.settings.worker import SMALLEST_WINDOW

__all__ = [
    "SMALLEST_WINDOW",
    "SOURCE_KEYS",
    "Settings",
    "check_sources",
    "read_settings",
    "setting_rows",
    "unknown_source",
]
