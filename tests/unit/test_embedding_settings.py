"""Another model needs the embedder that can run it."""

from __future__ import annotations

import pytest

from tasks.errors import InvalidSettings
from tasks.settings import read_settings


@pytest.mark.parametrize("embedder", ["auto", "onnx"])
def test_another_model_is_refused_at_start_where_it_could_not_run(embedder: str) -> None:
    with pytest.raises(InvalidSettings, match="EMBEDDING_MODEL: another model needs EMBEDDER="):
        read_settings({"EMBEDDING_MODEL": "some/model", "EMBEDDER": embedder})


def test_another_model_is_taken_with_sentence_transformers() -> None:
    named = {"EMBEDDING_MODEL": "some/model", "EMBEDDER": "sentence-transformers"}
    assert read_settings(named).embedding_model == "some/model"
