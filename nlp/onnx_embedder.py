"""The embedder that curates, without torch: the exported model on onnxruntime and tokenizers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from nlp.embedder import Vectors
from nlp.minilm import MAX_TOKENS

BATCH_TOKENS = 512
"""Tokens of a batch, padding included. Two sequences of full length stay in the caches of a core.
With 8,192 tokens texts of mixed lengths were embedded at a third of the rate."""


class OnnxEmbedder:
    """all-MiniLM-L6-v2 in fp32 on `threads` threads of the processor; see `nlp.exported`.

    Gives the rows of `SentenceTransformerEmbedder` (cosine ≥ .9999) from the same weights.
    """

    def __init__(self, model_file: Path, tokenizer_file: Path, threads: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.no_padding()  # the file asks for 128 tokens, no more and no less
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._session = open_session(model_file, threads)
        self._dimension = int(self._session.get_outputs()[0].shape[1])

    @property
    def dimension(self) -> int:
        return self._dimension

    def encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self._dimension), dtype=np.float32)
        tokens = [encoded.ids for encoded in self._tokenizer.encode_batch_fast(list(texts))]
        for batch in batches([len(ids) for ids in tokens], BATCH_TOKENS):
            rows[batch] = self._run([tokens[index] for index in batch])
        return rows

    def _run(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        ids = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        (rows,) = self._session.run(None, {"ids": ids, "mask": mask})
        return np.asarray(rows, dtype=np.float32)


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """The places of these lengths, longest first, in groups that fill the budget when padded.

    What alone is longer than the budget is a group of its own.
    """
    batch: list[int] = []
    longest = 0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batch and longest * (len(batch) + 1) > budget:
            yield batch
            batch = []
        longest = longest if batch else lengths[place]
        batch.append(place)
    if batch:
        yield batch


def open_session(model_file: Path, threads: int) -> onnxruntime.InferenceSession:
    """The model on `threads` threads of the processor, and on nothing else."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait for each other halve the rate where anything else runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # it would keep a plan of memory for each shape
    return onnxruntime.InferenceSession(
        str(model_file), options, providers=["CPUExecutionProvider"]
    )
