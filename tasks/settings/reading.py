"""The one place that reads the environment for settings."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tasks.errors import InvalidSettings
from tasks.settings.declared import declarations, is_secret
from tasks.settings.engine import check_embedding
from tasks.settings.jobs import check_time_limits
from tasks.settings.scoring import check_weights
from tasks.settings.settings import Settings
from tasks.settings.sources import check_sources


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that these variables give. An empty variable counts as not set.

    Raises InvalidSettings with one line that names the variable and what it must be.
    """
    given = {
        name: _parse(name, annotation, text)
        for name, annotation in declarations(Settings).items()
        if (text := environ.get(name.upper(), "").strip())
    }
    settings = Settings(**given)
    check_weights(settings)
    check_time_limits(settings)
    check_sources(settings)
    check_embedding(settings)
    return settings


def _parse(name: str, annotation: Any, text: str) -> Any:
    try:
        return _value(annotation, text)
    except ValueError as error:
        hint = str(error).replace("`", "")
        shown = "(hidden)" if is_secret(annotation) else repr(text[:80])
        raise InvalidSettings(f"{name.upper()}={shown}: {hint}") from error


def _value(annotation: Any, text: str) -> Any:
    """Raises ValueError, which says what it must be."""
    kind = annotation.__origin__
    if Path in (kind, *typing.get_args(kind)):
        return Path(text)
    if kind is bool and text.lower() in ("yes", "on", "no", "off"):
        return text.lower() in ("yes", "on")
    if typing.get_origin(kind) is tuple:
        parts = tuple(text.replace(",", " ").split())
        return msgspec.convert(parts, annotation)
    if typing.get_origin(kind) is dict:
        pairs = dict(item.rsplit(":", 1) for item in text.split(","))
        stripped = {key.strip().lower(): value.strip() for key, value in pairs.items()}
        return msgspec.convert(stripped, annotation, strict=False)
    return msgspec.convert(text, annotation, strict=False)
