"""`curator models`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from app.cli.context import LazyGroup, Surroundings, json_option, print_json
from app.cli.exits import CommandError
from tasks.settings import read_settings


class Export(Struct, frozen=True, kw_only=True):
    """What `python -m nlp.embedding.export` prints."""

    model_file: str
    bytes: int
    made: bool


@click.group(
    cls=LazyGroup,
    lazy={
        "export": ("app.cli.commands.models:export", "Make the model into a file for onnxruntime.")
    },
)
def models() -> None:
    """Export the model for workers that start fast."""


@click.command()
@click.option(
    "--precision",
    type=click.Choice(["fp32", "int8"]),
    help="fp32, or int8: faster, and not exact.  [default: EMBEDDING_PRECISION]",
)
@json_option
@click.pass_obj
def export(around: Surroundings, precision: str | None, as_json: bool) -> None:
    """Make the packaged model into a file for onnxruntime, in MODELS_DIR.

    Does nothing where the file is there and whole. Workers that find it start sooner, in less
    memory.
    """
    settings = read_settings(around.environ)
    document = _exported(settings.models_path, precision or settings.embedding_precision)
    if as_json:
        print_json(document)
        return
    done = msgspec.json.decode(document, type=Export)
    verb = "exported" if done.made else "already there:"
    click.echo(f"{verb} {done.model_file} ({done.bytes / 1e6:.0f} MB)")


def _exported(models_dir: Path, precision: str) -> bytes:
    """What the export says. A process of its own does it, for it loads torch."""
    ended = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "nlp.embedding.export", str(models_dir.absolute()), precision],
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        why = ended.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise CommandError(f"the model cannot be exported to {models_dir}: {why[-1]}")
    return ended.stdout
