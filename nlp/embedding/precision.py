"""The arithmetic of the exported model."""

from __future__ import annotations

from enum import StrEnum


class Precision(StrEnum):
    """What the model's big matrices are multiplied in."""

    FP32 = "fp32"
    INT8 = "int8"
    """Faster, and not exact; see `nlp.embedding.quantised`. Cosines of it hold against no threshold
    that was set for fp32."""
