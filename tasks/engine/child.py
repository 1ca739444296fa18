"""The engine process itself, with the real models.

`python -m tasks.engine.child FD THREADS MB MODELS_DIR EMBEDDER`
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from nlp.models import EmbedderChoice
from nlp.pipeline import analyse, load_models
from tasks.engine.serving import serve

if __name__ == "__main__":
    models_dir, embedder = sys.argv[4:6]
    serve(
        partial(load_models, models_dir=Path(models_dir), choice=EmbedderChoice(embedder)), analyse
    )
