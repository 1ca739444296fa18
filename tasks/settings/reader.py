"""Reads the settings from the environment, and shows them to the operator.

This is the one place that reads the environment for settings. `curator settings` prints the rows,
and a test compares them with docs/settings.md.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Meta, Struct

from tasks.errors import InvalidSettings
from tasks.settings.declarations import SECRET, Settings, check_settings


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that these variables give. An empty variable counts as not set.

    Raises InvalidSettings with one line that names the variable and what it must be.
    """
    values = {
        name: _parse(name, annotation, text)
        for name, annotation in _annotations().items()
        if (text := environ.get(name.upper(), "").strip())
    }
    settings = Settings(**values)
    check_settings(settings)
    return settings


class SettingRow(Struct, frozen=True, kw_only=True):
    """One setting as the operator reads it."""

    name: str
    value: str
    """As it would be written in the environment; hidden for secrets."""
    default: str
    meaning: str


def setting_rows(settings: Settings) -> list[SettingRow]:
    """Every setting with its value, default and meaning."""
    defaults = Settings()
    return [
        SettingRow(
            name=name.upper(),
            value=_show(getattr(settings, name), secret=_is_secret(annotation)),
            default=_show(getattr(defaults, name), secret=_is_secret(annotation)),
            meaning=_meta(annotation).description or "",
        )
        for name, annotation in _annotations().items()
    ]


def _annotations() -> dict[str, Any]:
    """The annotation of each setting by its name, in the order of their declaration."""
    return typing.get_type_hints(Settings, include_extras=True)


def _meta(annotation: Any) -> Meta:
    """Every setting has one: its bounds and its description."""
    meta: Meta = annotation.__metadata__[0]
    return meta


def _is_secret(annotation: Any) -> bool:
    """Whether the value is hidden, in rows and in error messages."""
    return _meta(annotation).extra == SECRET


def _parse(name: str, annotation: Any, text: str) -> Any:
    try:
        return _convert(annotation, text)
    except ValueError as error:
        hint = str(error).replace("`", "").partition(" - at ")[0]
        if "Invalid enum value" in hint:
            hint = f"Expected one of {', '.join(_choices(annotation.__origin__))}"
        shown = "(hidden)" if _is_secret(annotation) else repr(text[:80])
        raise InvalidSettings(f"{name.upper()}={shown}: {hint}") from error


def _choices(kind: Any) -> tuple[str, ...]:
    """The words that a setting, or each value of one with names, may be."""
    parts = typing.get_args(kind)
    return typing.get_args(parts[1]) if typing.get_origin(kind) is dict else parts


def _convert(annotation: Any, text: str) -> Any:
    """Raises ValueError with what the value must be."""
    kind = annotation.__origin__
    if Path in (kind, *typing.get_args(kind)):
        return Path(text)
    if kind is bool and text.lower() in ("yes", "on", "no", "off"):
        return text.lower() in ("yes", "on")
    if typing.get_origin(kind) is tuple:
        parts = tuple(text.replace(",", " ").split())
        return msgspec.convert(parts, annotation)
    if typing.get_origin(kind) is dict:
        items = [item.rsplit(":", 1) for item in text.split(",") if item.strip()]
        if any(len(item) < 2 for item in items):
            raise ValueError("Expected NAME:VALUE, several of them separated by commas")
        pairs = dict(items)
        stripped = {key.strip().lower(): value.strip() for key, value in pairs.items()}
        return msgspec.convert(stripped, annotation, strict=False)
    return msgspec.convert(text, annotation, strict=False)


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
        return ",".join(f"{key}:{_show(each, secret=False)}" for key, each in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
