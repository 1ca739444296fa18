"""Texts as tokens, laid end to end for the encoder; see `nlp.embedding.encoder_graph`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

NEVER = np.float32(-3e38)
"""Added to a score of attention, it leaves a share of exactly 0."""

Inputs = Mapping[str, npt.NDArray[np.generic]]


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """The places of these lengths, longest first, in groups of at most `budget` tokens.

    Attention has a cell for each two places of a text, and those of a group are all as long as
    its longest: of these a group has no more than one text of `budget` tokens has. What alone is
    longer is a group of its own.
    """
    batch: list[int] = []
    longest = tokens = 0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        tokens += lengths[place]
        if batch and (tokens > budget or (len(batch) + 1) * longest**2 > budget**2):
            yield batch
            batch, tokens = [], lengths[place]
        longest = longest if batch else lengths[place]
        batch.append(place)
    if batch:
        yield batch


def packed(texts: Sequence[Sequence[int]]) -> Inputs:
    """The encoder's inputs for these texts, none of them without a token."""
    lengths = np.array([len(text) for text in texts])
    places = np.arange(lengths.max())
    filled = places < lengths[:, None]
    slots = np.zeros(filled.shape, dtype=np.int64)
    slots[filled] = np.arange(lengths.sum())
    return {
        "ids": np.concatenate([np.array(text, dtype=np.int64) for text in texts]),
        "positions": np.broadcast_to(places, filled.shape)[filled],
        "slots": slots,
        "rows": np.flatnonzero(filled),
        "bias": np.where(filled, np.float32(0), NEVER)[:, None, None, :],
        "padded": np.array(not filled.all()),
    }


def pooled(vectors: npt.NDArray[np.float32], lengths: Sequence[int]) -> npt.NDArray[np.float32]:
    """The mean of each text's tokens at length 1: shape (texts, dimension).

    `np.add.reduceat` would add in an order that depends on the text's place.
    """
    ends = np.cumsum(lengths)
    means = np.stack(
        [
            vectors[end - length : end].mean(axis=0)
            for length, end in zip(lengths, ends, strict=True)
        ]
    )
    unit: npt.NDArray[np.float32] = means / np.sqrt((means * means).sum(axis=1, keepdims=True))
    return unit
