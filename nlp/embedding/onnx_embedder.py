"""The embedder of production, without torch: the exported model on onnxruntime and tokenizers.

The tokens of several texts are laid end to end for the encoder; see `nlp.embedding.encoder_graph`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from nlp.embedding.embedder import Vectors
from nlp.embedding.model_file import ExportedModel
from nlp.minilm import MAX_TOKENS

BATCH_TOKENS = 256
"""Tokens of a run. Intermediate results then stay in the caches of a core: 200 sentences of 27
tokens took a seventh longer with 1,024, and 44 % longer one by one."""

TEXTS_AT_ONCE = 512
"""Texts whose tokens are in memory together; sorting more by length gains nothing."""

READ_CHARS = 512 * MAX_TOKENS
"""Characters of a text that the tokenizer sees. No 256 tokens of a language are that long."""

MASKED = np.float32(-3e38)
"""Added to a score of attention, it leaves a weight of exactly 0."""

Inputs = Mapping[str, npt.NDArray[np.generic]]


class OnnxEmbedder:
    """all-MiniLM-L6-v2 on `threads` threads of the processor; see `nlp.embedding.model_file`.

    It gives the rows of `SentenceTransformerEmbedder` (cosine ≥ .9999) from the same weights. The
    row of a text is the same to the last bit whatever texts are beside it and however many threads
    there are: each run is on one thread, and the threads share the runs. Two threads on one run
    would wait for each other in every layer. Several threads may call it.
    """

    def __init__(self, exported: ExportedModel, threads: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(exported.tokenizer_file))
        self._tokenizer.no_padding()  # the file asks for 128 tokens, no more and no less
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._session = open_session(exported.model_file)
        self._dimension = int(self._session.get_outputs()[0].shape[1])
        self._pool = ThreadPoolExecutor(threads, "embedder") if threads > 1 else None

    @property
    def dimension(self) -> int:
        return self._dimension

    def encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = slice(start, start + TEXTS_AT_ONCE)
            rows[part] = self._encoded([text[:READ_CHARS] for text in texts[part]])
        return rows

    def _encoded(self, texts: Sequence[str]) -> Vectors:
        tokens = [encoded.ids for encoded in self._tokenizer.encode_batch_fast(texts)]
        groups = list(batches([len(ids) for ids in tokens], BATCH_TOKENS))
        rows = np.empty((len(texts), self._dimension), dtype=np.float32)
        work = [[tokens[place] for place in group] for group in groups]
        pool = self._pool if len(work) > 1 else None
        results = pool.map(self._run, work) if pool else map(self._run, work)
        for group, result in zip(groups, results, strict=True):
            rows[group] = result
        return rows

    def _run(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        (vectors,) = self._session.run(None, packed(tokens))
        return pooled(vectors, [len(ids) for ids in tokens])


def open_session(model_file: Path) -> onnxruntime.InferenceSession:
    """A session of the model; each run stays on the thread that calls it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it would keep a plan of memory for each shape
    return onnxruntime.InferenceSession(
        str(model_file), options, providers=["CPUExecutionProvider"]
    )


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """The places of these lengths, longest first, in groups of at most `budget` tokens.

    Attention has a cell for each pair of positions of a text, and in a group each text takes as
    many as the longest; a group has at most as many cells as one text of `budget` tokens. A text
    that is longer than `budget` is a group of its own.
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
    """The encoder's inputs for these texts; none may be empty."""
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
        "bias": np.where(filled, np.float32(0), MASKED)[:, None, None, :],
        "padded": np.array(not filled.all()),
    }


def pooled(vectors: npt.NDArray[np.float32], lengths: Sequence[int]) -> npt.NDArray[np.float32]:
    """The mean of each text's tokens, scaled to length 1; shape (texts, dimension).

    `np.add.reduceat` is not used, as its order of addition depends on the text's place.
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
