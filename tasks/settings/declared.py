"""What the annotation of a setting declares: its type, its bounds, and what it does."""

from __future__ import annotations

import typing
from typing import Any

from msgspec import Meta, Struct

SECRET = {"secret": True}
"""The `extra` of a setting whose value is never shown."""


def declarations(settings: type[Struct]) -> dict[str, Any]:
    """Of each setting by its name, group after group."""
    return typing.get_type_hints(settings, include_extras=True)


def meta_of(annotation: Any) -> Meta:
    """Every setting has one: its bounds and its description."""
    meta: Meta = annotation.__metadata__[0]
    return meta


def is_secret(annotation: Any) -> bool:
    """Whether its value is hidden, in what is shown and in what goes wrong."""
    return meta_of(annotation).extra == SECRET
