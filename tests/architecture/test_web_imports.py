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


FRAMEWORKS = {"asyncio", "httpx", "litestar", "opentelemetry", "redis", "uvicorn"}

MODELS = ("admin", "job_requests", "jobs", "schedules")


def test_web_loads_nothing_heavy() -> None:
    loaded = loaded_by("import app.main")
    assert {"app", "litestar", "tasks"} <= loaded
    assert loaded & HEAVY == set()


def test_the_models_load_no_framework() -> None:
    """The command line reads them, and must start fast."""
    loaded = loaded_by("; ".join(f"import app.api.models.{name}" for name in MODELS))
    assert {"app", "msgspec", "tasks"} <= loaded
    assert loaded & (HEAVY | FRAMEWORKS) == set()


def loaded_by(statement: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", statement],
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.rpartition("|")[2].strip().split(".")[0] for line in ran.stderr.splitlines()}
