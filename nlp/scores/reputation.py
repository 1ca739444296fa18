"""The reputation of an article's publisher and author."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct

from nlp.neutral import NEUTRAL

DATA = Path(__file__).parents[1] / "data" / "reputation.toml"

_BETWEEN_AUTHORS = re.compile(r"\s*(?:[;,&|]|\band\b)\s*")


class Reputations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of the data file, whose header says how its values were judged."""

    domains: dict[str, float]
    """Registrable domain → 0–100."""
    suffixes: dict[str, float]
    """Public suffix reserved for institutions → 0–100."""
    authors: dict[str, float]
    """Case-folded name → points added for this author."""


def load_reputations(path: Path = DATA) -> Reputations:
    """Read the data file. Raises msgspec.ValidationError where its structure is wrong."""
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Reputations)


def reputation(domain: str, author: str | None, known: Reputations) -> float:
    """The reputation of publisher and author, 0–100.

    The value of the domain, else of its longest institutional suffix ("ac.uk"), else the neutral
    50; plus the points of the best-known author, capped at 100.
    """
    base = known.domains.get(domain)
    if base is None:
        base = _suffix_value(domain, known)
    names = _BETWEEN_AUTHORS.split((author or "").casefold())
    boost = max((known.authors.get(name.strip(), 0.0) for name in names), default=0.0)
    return min(100.0, max(0.0, base + boost))


def _suffix_value(domain: str, known: Reputations) -> float:
    labels = domain.split(".")
    for start in range(1, len(labels)):
        value = known.suffixes.get(".".join(labels[start:]))
        if value is not None:
            return value
    return NEUTRAL
