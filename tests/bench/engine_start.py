"""Loads what an engine does, and says when: `python -m tests.bench.engine_start MODELS_DIR`.

A line `ready` when a text has been embedded, and `rest` when entities have been found in one. Then
it waits for the end of its input, so that its memory can be read.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tasks.engine.__main__ as engine  # what an engine has in memory besides
from nlp.models import load_models

__all__ = ["engine"]

TEXT = "On Monday Angela Merkel met 20 bankers in Berlin to speak of the rates of the bank."


def main(models_dir: Path) -> None:
    models = load_models(threads=1, models_dir=models_dir)
    models.embedder.encode([TEXT])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    models.load_rest()
    models.entities.mentions(TEXT)
    sys.stdout.write("rest\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
