"""`curator models`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from app.cli.context import CliContext, json_option
from app.cli.exits import CommandError
from app.cli.lazy_group import LazyGroup
from app.cli.terminal import print_json
from tasks.settings import read_settings


class Export(Struct, frozen=True, kw_only=True):
    """What `python -m nlp.embedding.export` prints."""

    model_file: str
    bytes: int
    made: bool
    """False if the file was there already."""


@click.group(
    cls=LazyGroup,
    lazy={
        "export": ("app.cli.commands.models:export", "Export the model to a file for onnxruntime.")
    },
)
def models() -> None:
    """Export the model, so that workers start faster."""


@click.command()
@json_option
@click.pass_obj
def export(context: CliContext, as_json: bool) -> None:
    """Export the packaged model to a file for onnxruntime, in MODELS_DIR.

    Does nothing if the file exists and is complete. Workers that find it start faster, and use less
    memory.
    """
    settings = read_settings(context.environ)
    document = _run_export(settings.models_path)
    if as_json:
        print_json(document)
        return
    outcome = msgspec.json.decode(document, type=Export)
    verb = "exported" if outcome.made else "already there:"
    click.echo(f"{verb} {outcome.model_file} ({outcome.bytes / 1e6:.0f} MB)")


def _run_export(models_dir: Path) -> bytes:
    """The JSON that the export prints. It runs in a process of its own, because it loads torch."""
    completed = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "nlp.embedding.export", str(models_dir.absolute())],
        capture_output=True,
        check=False,
    )
    if completed.returncode:
        stderr = completed.stderr.decode(errors="replace").strip()
        reason = stderr.splitlines()[-1] if stderr else "no reason given"
        raise CommandError(f"the model cannot be exported to {models_dir}: {reason}")
    return completed.stdout
