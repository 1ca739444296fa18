"""`curator models export`."""

from __future__ import annotations

from pathlib import Path

import msgspec
from click.testing import CliRunner

from app.cli.commands.maintenance import Export
from app.cli.context import CliContext
from app.cli.main import cli
from nlp.embedding.model_file import (
    MANIFEST_NAME,
    MODEL_NAME,
    TOKENIZER_NAME,
    export_folder,
    manifest_of,
)


def with_export(models_dir: Path) -> Path:
    """Its model file; whole, by its manifest."""
    folder = export_folder(models_dir)
    folder.mkdir()
    for name in (MODEL_NAME, TOKENIZER_NAME):
        (folder / name).write_bytes(b"content")
    (folder / MANIFEST_NAME).write_bytes(msgspec.json.encode(manifest_of(folder)))
    return folder / MODEL_NAME


def test_export_prints_the_path_and_size_of_the_model(tmp_path: Path) -> None:
    file = with_export(tmp_path)
    context = CliContext(environ={"MODELS_DIR": str(tmp_path)})
    completed = CliRunner().invoke(cli, ["models", "export", "--json"], obj=context)
    outcome = msgspec.json.decode(completed.stdout, type=Export)
    assert outcome == Export(model_file=str(file), bytes=len(b"content"), made=False)
    completed = CliRunner().invoke(cli, ["models", "export"], obj=context)
    assert completed.stdout == f"already there: {file} (0 MB)\n"


def test_a_directory_that_cannot_be_created_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    context = CliContext(environ={"MODELS_DIR": str(tmp_path / "file")})
    completed = CliRunner().invoke(cli, ["models", "export"], obj=context)
    assert completed.exit_code == 1
    assert completed.stderr.startswith("Error: the model cannot be exported")
    assert completed.stderr.count("\n") == 1
