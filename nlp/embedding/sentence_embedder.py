"""The reference embedder, on sentence-transformers: with a GPU, and with any model, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from nlp.embedding.embedder import Vectors
from nlp.minilm import MAX_TOKENS, MODEL_PACKAGE

BATCH_SIZE = 32

# transformers has no type for it. Without it, loading draws a progress bar on stderr.
_quiet: Callable[[], None] = transformers_logging.disable_progress_bar


class SentenceTransformerEmbedder:
    """all-MiniLM-L6-v2 (Reimers and Gurevych, EMNLP 2019; Wang et al., NeurIPS 2020), or another.

    Runs on a GPU if there is one, else on `threads` threads of the processor. sentence-transformers
    itself batches texts by length. `model` is a path, or a name that sentence-transformers knows or
    downloads; the packaged model is never downloaded.
    """

    def __init__(self, threads: int, model: str | None = None) -> None:
        torch.set_num_threads(threads)
        _quiet()
        self._model = SentenceTransformer(
            model or str(files(MODEL_PACKAGE) / "model"),
            device="cuda" if torch.cuda.is_available() else "cpu",
            local_files_only=model is None,
        )
        if model is None:
            self._model.max_seq_length = MAX_TOKENS

    @property
    def dimension(self) -> int:
        return self._model.get_embedding_dimension() or 0

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        rows = self._model.encode(
            list(texts),
            batch_size=BATCH_SIZE,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(rows, dtype=np.float32)
