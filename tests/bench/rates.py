"""What a process that measures the embedders tells, and how their work is counted."""

from __future__ import annotations

from msgspec import Struct


class Round(Struct, frozen=True, kw_only=True):
    """Rates of one round, in floating-point operations a second."""

    gemm: dict[str, float]
    long: dict[str, float]
    """Embedder → of texts of 256 tokens."""
    short: dict[str, float]
    """Embedder → of sentences of mixed lengths."""


class Measured(Struct, frozen=True, kw_only=True):
    """What this process prints, as JSON."""

    rounds: list[Round]
    least_cosine: dict[str, float]
    """Embedder → between its row of a text and the reference's."""
    pair_error: dict[str, float]
    """Embedder → between the cosine of two of its rows and of the reference's."""


def flops(tokens: int) -> float:
    """Multiplications and additions of the encoder for a text of that many tokens.

    Six layers: four products with 384 x 384, two with 384 x 1536, and two of each token with each.
    """
    return 6.0 * (4 * 2 * tokens * 384**2 + 2 * 2 * tokens * 384 * 1536 + 2 * 2 * tokens**2 * 384)
