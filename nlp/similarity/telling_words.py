"""The words by which reports of one event know each other: names, numbers, and what is long."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nlp.analysis import Fingerprint
from nlp.embedding.embedder import LEAD_WORDS, Vectors
from nlp.text.words import MAX_WORD_CHARS, stems

LONG = 5
"""Letters from which a word may be telling without a capital. The short ones are particles in most
languages, and rare where only one article of a job is in that language."""

DIMENSION = 2048
"""Of a row. Two texts without a word in common are then at a cosine of 0 ± .02."""

_WORD = re.compile(r"[^\W_]+")

TellingWords = npt.NDArray[np.uint32]


def telling_words(text: str) -> TellingWords:
    """Sorted, distinct 32-bit hashes of the telling words' stems among the first LEAD_WORDS."""
    lead = " ".join(text[: LEAD_WORDS * 12].split()[:LEAD_WORDS])
    found = {word.casefold()[:MAX_WORD_CHARS] for word in _WORD.findall(lead) if _tells(word)}
    hashes = {zlib.crc32(stem.encode()) for stem in stems(found)}
    return np.array(sorted(hashes), dtype=np.uint32)


def _tells(word: str) -> bool:
    named = len(word) > 1 and word[0].isupper()
    return len(word) >= LONG or named or any(map(str.isdigit, word))


def telling_rows(prints: Sequence[Fingerprint]) -> Vectors:
    """A unit row for each article, of shape (n, DIMENSION): its telling words by how rare they are.

    The weight of a word is its inverse document frequency among these articles (Spärck Jones,
    1972), 0 where all have it; the words are dealt to the dimensions by their hash, with its sign
    (Weinberger et al., ICML 2009). A row of zeros where nothing tells.
    """
    found = [np.frombuffer(fingerprint.words, dtype="<u4") for fingerprint in prints]
    flat = np.concatenate([np.empty(0, dtype=np.uint32), *found])
    known, numbers, holders = np.unique(flat, return_inverse=True, return_counts=True)
    weights = np.log(len(prints) / np.maximum(holders, 1))
    weights *= np.where(known >> 31, 1.0, -1.0)
    rows = np.zeros((len(prints), DIMENSION), dtype=np.float32)
    places = np.repeat(np.arange(len(prints)), [len(words) for words in found])
    np.add.at(rows, (places, flat % DIMENSION), weights[numbers].astype(np.float32))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
