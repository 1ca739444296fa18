"""The embedders keep one contract, and the packaged models are what they claim to be."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from nlp.embedding.embedder import CachingEmbedder, Embedder, HashingEmbedder
from nlp.embedding.export import Export
from nlp.embedding.model_file import (
    MANIFEST_NAME,
    MODEL_NAME,
    TOKENIZER_NAME,
    ExportedModel,
    export_folder,
    find_exported,
    manifest_of,
    sha256_of,
)
from nlp.embedding.onnx_embedder import TEXTS_AT_ONCE, OnnxEmbedder
from nlp.embedding.sentence_embedder import SentenceTransformerEmbedder
from nlp.minilm import MAX_TOKENS, MODEL_PACKAGE, WEIGHTS_SHA256
from nlp.models import EmbedderChoice, NotExported, load_models

TEXTS = ["The central bank raised its rates.", "A zebra crossed the river.", "", "word " * 2000]

VARIED = [
    *TEXTS,
    "  spaces \n and\tlines ",
    "Zürich, ÇA VA, İstanbul, Ω, ﬁve, cafe\u0301, zero\u200bwidth",
    "東京は日本の首都です。",
    "مرحبا بالعالم",
    "😀 [MASK] [SEP] \x00 \x07",
    "a" * 500,
    "Two hundred words of a lead say what the article is about. " * 25,
    "1 2 3 . , ; !",
]


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a fresh export in it."""
    directory = tmp_path_factory.mktemp("models")
    assert exported_to(directory).made
    return directory


@pytest.fixture(scope="module")
def exported(models_dir: Path) -> ExportedModel:
    found = find_exported(models_dir)
    assert found
    return found


@pytest.fixture(scope="module")
def reference() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(threads=1)


@pytest.fixture(scope="module")
def onnx(exported: ExportedModel) -> OnnxEmbedder:
    return OnnxEmbedder(exported, threads=1)


@pytest.fixture(scope="module")
def onnx_by_two(exported: ExportedModel) -> OnnxEmbedder:
    return OnnxEmbedder(exported, threads=2)


@pytest.fixture(params=["hashing", "remembering", "reference", "onnx", "onnx_by_two"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    match request.param:
        case "hashing":
            return HashingEmbedder()
        case "remembering":
            return CachingEmbedder(HashingEmbedder())
    loaded: Embedder = request.getfixturevalue(request.param)
    return loaded


def exported_to(models_dir: Path) -> Export:
    done = subprocess.run(
        [sys.executable, "-m", "nlp.embedding.export", str(models_dir)],
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert done.stderr == b""
    return msgspec.json.decode(done.stdout, type=Export)


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


def lengths_and_neighbours() -> list[str]:
    """Texts of 2 to 256 tokens, among them many of one length, none of them equal."""
    return [f"{n} " + "report on the rates of the bank " * (n * n % 43) for n in range(80)]


@pytest.mark.parametrize("name", ["onnx", "onnx_by_two"])
def test_a_row_is_the_same_to_the_last_bit_whatever_stands_beside_it(
    name: str, onnx: OnnxEmbedder, request: pytest.FixtureRequest
) -> None:
    embedder: OnnxEmbedder = request.getfixturevalue(name)
    texts = [*VARIED, *lengths_and_neighbours()]
    known = {text: onnx.encode([text])[0] for text in texts}
    choose = random.Random(7)
    for _ in range(4):
        chosen = choose.sample(texts, choose.randint(2, len(texts)))
        for text, row in zip(chosen, embedder.encode(chosen), strict=True):
            assert np.array_equal(row, known[text])


def test_more_texts_than_are_read_at_once_keep_their_places(onnx: OnnxEmbedder) -> None:
    texts = [f"{n} banks" for n in range(TEXTS_AT_ONCE + 2)]
    rows = onnx.encode(texts)
    assert np.array_equal(rows[[0, -2, -1]], onnx.encode([texts[0], *texts[-2:]]))


def test_a_text_is_nearer_to_what_it_is_about(embedder: Embedder) -> None:
    query, bank, zebra = embedder.encode(["bank rates", *TEXTS[:2]])
    assert query @ bank > query @ zebra + 0.2


def test_onnx_gives_the_rows_of_the_reference(
    onnx: OnnxEmbedder, reference: SentenceTransformerEmbedder
) -> None:
    cosines = (onnx.encode(VARIED) * reference.encode(VARIED)).sum(axis=1)
    assert cosines.min() >= 0.9999


@pytest.mark.parametrize("name", ["reference", "onnx"])
def test_what_follows_the_last_token_is_not_read(name: str, request: pytest.FixtureRequest) -> None:
    embedder: Embedder = request.getfixturevalue(name)
    read = "word " * (MAX_TOKENS - 2)  # two mark the beginning and the end
    rows = embedder.encode([read, read + "zebra " * 50, read[5:] + "zebra"])
    assert np.allclose(rows[0], rows[1], atol=1e-5)
    assert not np.allclose(rows[0], rows[2], atol=1e-3)


def test_an_export_that_is_whole_is_not_made_again(models_dir: Path) -> None:
    assert not exported_to(models_dir).made


@pytest.mark.parametrize("name", [MODEL_NAME, TOKENIZER_NAME, MANIFEST_NAME])
@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda _: None])
def test_an_export_that_is_not_whole_is_not_found(
    name: str, damage: Callable[[bytes], bytes | None], tmp_path: Path
) -> None:
    folder = sham_export(tmp_path)
    assert find_exported(tmp_path)
    left = damage((folder / name).read_bytes())
    (folder / name).unlink()
    if left is not None:
        (folder / name).write_bytes(left)
    assert find_exported(tmp_path) is None


@pytest.mark.parametrize("other", [{"exporter_version": 0}, {"weights_sha256": "00"}])
def test_an_export_by_another_version_or_of_other_weights_is_not_found(
    other: dict[str, Any], tmp_path: Path
) -> None:
    folder = sham_export(tmp_path)
    manifest = msgspec.structs.replace(manifest_of(folder), **other)
    (folder / MANIFEST_NAME).write_bytes(msgspec.json.encode(manifest))
    assert find_exported(tmp_path) is None


def test_an_export_whose_manifest_still_names_a_precision_is_found(tmp_path: Path) -> None:
    file = sham_export(tmp_path) / MANIFEST_NAME
    manifest = msgspec.json.decode(file.read_bytes()) | {"precision": "fp32"}
    file.write_bytes(msgspec.json.encode(manifest))
    assert find_exported(tmp_path)


def test_a_broken_export_is_made_anew(tmp_path: Path) -> None:
    (sham_export(tmp_path) / MODEL_NAME).write_bytes(b"half of")
    assert exported_to(tmp_path).made
    assert find_exported(tmp_path)


def sham_export(models_dir: Path) -> Path:
    """Whole, by its manifest, but no model."""
    folder = export_folder(models_dir)
    folder.mkdir()
    (folder / MODEL_NAME).write_bytes(b"not a model")
    (folder / TOKENIZER_NAME).write_bytes(b"not a tokenizer")
    (folder / MANIFEST_NAME).write_bytes(msgspec.json.encode(manifest_of(folder)))
    return folder


def test_where_the_export_serves_torch_is_not_loaded(models_dir: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from nlp.models import load_models\n"
        "models = load_models(1, Path(sys.argv[1]))\n"
        "assert models.embedder.encode(['A zebra.']).shape == (1, 384)\n"
        "assert 'spacy' not in sys.modules\n"
        "models.load_rest()\n"
        "assert 'spacy' in sys.modules\n"
        "assert models.entities.mentions('Angela Merkel')\n"
        "print({'onnxruntime', 'torch', 'transformers', 'sentence_transformers', 'onnx'}"
        " & sys.modules.keys())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(models_dir)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "{'onnxruntime'}\n"


def test_without_an_export_only_onnx_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotExported, match="curator models export"):
        load_models(1, tmp_path, EmbedderChoice.ONNX)
    embedder = load_models(1, tmp_path).embedder
    assert embedder.encode(["A zebra."]).shape == (1, 384)
    assert not list(tmp_path.iterdir())  # loading never exports


def test_the_packaged_weights_are_the_published_ones() -> None:
    weights = Path(str(files(MODEL_PACKAGE))) / "model" / "model.safetensors"
    assert sha256_of(weights) == WEIGHTS_SHA256


def test_spacy_loads_without_torch_and_torch_loads_after_it() -> None:
    code = (
        "import sys\n"
        "from nlp.scores.entities import SpacyRecognizer\n"
        "recognizer = SpacyRecognizer()\n"
        "recognizer.load()\n"
        "assert 'torch' not in sys.modules\n"
        "print(recognizer.mentions('On Monday Angela Merkel met 20 bankers in Berlin.'))\n"
        "import torch\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[('Angela Merkel', 'PERSON'), ('Berlin', 'GPE')]"


def test_another_model_is_named_by_its_path(reference: SentenceTransformerEmbedder) -> None:
    path = str(files(MODEL_PACKAGE) / "model")
    named = SentenceTransformerEmbedder(threads=1, model=path)
    np.testing.assert_allclose(named.encode(["a tide"]), reference.encode(["a tide"]), atol=1e-5)
