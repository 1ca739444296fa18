"""The settings as the operator reads them: in `curator settings`, and in docs/settings.md."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tasks.settings.declared import declarations, is_secret, meta_of
from tasks.settings.settings import Settings


class SettingRow(Struct, frozen=True, kw_only=True):
    """One setting as the operator reads it."""

    name: str
    value: str
    """As it would stand in the environment; hidden for secrets."""
    default: str
    meaning: str


def setting_rows(settings: Settings) -> list[SettingRow]:
    """Every setting with its value, default and meaning."""
    defaults = Settings()
    return [
        SettingRow(
            name=name.upper(),
            value=_show(getattr(settings, name), secret=is_secret(annotation)),
            default=_show(getattr(defaults, name), secret=is_secret(annotation)),
            meaning=meta_of(annotation).description or "",
        )
        for name, annotation in declarations(Settings).items()
    ]


def _show(value: Any, *, secret: bool) -> str:
    if value is None:
        return ""
    if secret:
        return "(hidden)"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, dict):
        return ",".join(f"{key}:{number:g}" for key, number in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
