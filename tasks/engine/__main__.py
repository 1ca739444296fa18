"""The engine process itself, with the real models.

`python -m tasks.engine FD PARENT_PID THREADS MB MODELS_DIR EMBEDDER MODEL`
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from nlp.feeds.reader import read_feed
from nlp.models import CannotEmbed, EmbedderChoice, Models, load_models
from nlp.pipeline import read, study
from nlp.ranking.survey import survey
from tasks.engine.server import TaskHandlers, serve


def load(models_dir: str, embedder: str, model: str, threads: int) -> Models:
    """Ends the process with one line where there is no such embedder."""
    choice = EmbedderChoice(embedder)
    try:
        return load_models(threads, Path(models_dir), choice, model or None)
    except CannotEmbed as error:
        sys.exit(f"EMBEDDER={embedder}: {error}")


if __name__ == "__main__":
    models_dir, embedder, model = sys.argv[5:8]
    serve(
        TaskHandlers(
            load=partial(load, models_dir, embedder, model),
            load_deferred=lambda models: models.load_rest(),
            read=lambda request, _models: read(request),
            study=study,
            survey=lambda request, models: survey(request, models.embedder),
            read_feed=read_feed,
        )
    )
