"""The embedders keep one contract, and the packaged models are what they claim to be."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest

from nlp.embedder import Embedder, HashingEmbedder
from nlp.remembering import RememberingEmbedder
from nlp.sentence_embedder import MODEL_PACKAGE, SentenceTransformerEmbedder

TEXTS = ["The central bank raised its rates.", "A zebra crossed the river.", "", "word " * 2000]


@pytest.fixture(scope="module", params=["hashing", "remembering", "sentence-transformers"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    match request.param:
        case "hashing":
            return HashingEmbedder()
        case "remembering":
            return RememberingEmbedder(HashingEmbedder())
    return SentenceTransformerEmbedder(threads=1)


def test_rows_are_unit_vectors_of_the_stated_dimension(embedder: Embedder) -> None:
    rows = embedder.encode(TEXTS)
    assert rows.shape == (len(TEXTS), embedder.dimension)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_no_text_gives_no_row(embedder: Embedder) -> None:
    assert embedder.encode([]).shape == (0, embedder.dimension)


def test_a_row_does_not_depend_on_its_neighbours_or_its_place(embedder: Embedder) -> None:
    together = embedder.encode(TEXTS)
    assert np.allclose(embedder.encode(TEXTS[::-1])[::-1], together, atol=1e-5)
    for text, row in zip(TEXTS, together, strict=True):
        assert np.allclose(embedder.encode([text])[0], row, atol=1e-5)


def test_a_text_is_nearer_to_what_it_is_about(embedder: Embedder) -> None:
    query, bank, zebra = embedder.encode(["bank rates", *TEXTS[:2]])
    assert query @ bank > query @ zebra + 0.2


def test_the_packaged_weights_are_the_published_ones() -> None:
    weights = files(MODEL_PACKAGE) / "model" / "model.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest().startswith("53aa5117")


def test_spacy_loads_without_torch_and_torch_loads_after_it() -> None:
    code = (
        "import sys\n"
        "from nlp.spacy_entities import SpacyRecognizer\n"
        "recognizer = SpacyRecognizer()\n"
        "assert 'torch' not in sys.modules\n"
        "print(recognizer.mentions('On Monday Angela Merkel met 20 bankers in Berlin.'))\n"
        "import torch\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[('Angela Merkel', 'PERSON'), ('Berlin', 'GPE')]"
