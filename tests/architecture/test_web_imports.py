"""What the web process must not load, not even through others."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    "numpy",
    "onnxruntime",
    "scipy",
    "sentence_transformers",
    "sklearn",
    "spacy",
    "taskiq",
    "tokenizers",
    "torch",
    "trafilatura",
    "transformers",
}


def test_web_loads_nothing_heavy() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import app.main"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in ran.stderr.splitlines()}
    assert {"app", "litestar", "tasks"} <= loaded
    assert loaded & HEAVY == set()
