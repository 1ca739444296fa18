"""What is known of who published an article and who wrote it."""

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
    """What the data file says; the file tells how its values were judged."""

    domains: dict[str, float]
    """Registrable domain → 0–100."""
    suffixes: dict[str, float]
    """Public suffix that is given to institutions only → 0–100."""
    authors: dict[str, float]
    """Case-folded name → points that a byline adds."""


def load_reputations(path: Path = DATA) -> Reputations:
    """Read the data file. Raises msgspec.ValidationError where it is not of the right shape."""
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Reputations)


def reputation(domain: str, author: str | None, known: Reputations) -> float:
    """The standing of publisher and author, 0–100.

    The domain's value, else that of the longest institutional suffix ("ac.uk"), else neutral
    50, for nothing is known against it; plus the points of the best-known author, capped at
    100.
    """
    base = known.domains.get(domain)
    if base is None:
        base = _of_suffix(domain, known)
    names = _BETWEEN_AUTHORS.split((author or "").casefold())
    boost = max((known.authors.get(name.strip(), 0.0) for name in names), default=0.0)
    return min(100.0, max(0.0, base + boost))


def _of_suffix(domain: str, known: Reputations) -> float:
    labels = domain.split(".")
    for at in range(1, len(labels)):
        value = known.suffixes.get(".".join(labels[at:]))
        if value is not None:
            return value
    return NEUTRAL
