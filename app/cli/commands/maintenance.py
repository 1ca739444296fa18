"""`curator doctor`, `curator models` and `curator settings`: what an operator runs now and then."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from app.cli.context import CliContext, LazyGroup, json_option
from app.cli.exits import CommandError, ProblemsFound
from app.cli.tables import show_table
from app.cli.terminal import print_json, terminal
from tasks.settings import read_settings, setting_rows
from tasks.supervision import module_command, module_environ


@click.command()
@click.option("--fix", is_flag=True, help="Fix the problems that can be fixed safely.")
@json_option
@click.pass_obj
def doctor(context: CliContext, fix: bool, as_json: bool) -> None:
    """Look for problems with Redis, and with the jobs in it.

    It connects to Redis directly: at REDIS_URL, or to the embedded one that is running. It is safe
    to run at any time. Data written by a newer release is reported, and never changed.
    """
    # Imported here: no other command needs the Redis client.
    from tasks.doctor import Level
    from tasks.resources import examine_redis

    findings = asyncio.run(examine_redis(read_settings(context.environ), fix=fix))
    if as_json:
        print_json(msgspec.json.encode({"findings": findings}))
    else:
        show_table(
            terminal(),
            ("check", "result", "what"),
            [
                (finding.check, "fixed" if finding.fixed else finding.level, finding.sentence)
                for finding in findings
            ],
        )
    problems = [finding for finding in findings if finding.problem]
    if problems:
        fixable = any(problem.fixable for problem in problems)
        raise ProblemsFound.of(len(problems), fixable=fixable)
    if not as_json and all(finding.level is Level.OK for finding in findings):
        click.echo("No problems found.", err=True)


class Export(Struct, frozen=True, kw_only=True):
    """What `python -m nlp.embedding.export` prints."""

    model_file: str
    bytes: int
    made: bool
    """False if the file was there already."""


@click.group(
    cls=LazyGroup,
    lazy={
        "export": (
            "app.cli.commands.maintenance:export",
            "Export the model to a file for onnxruntime.",
        )
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
        [*module_command("nlp.embedding.export"), str(models_dir.absolute())],
        env=module_environ(os.environ),
        capture_output=True,
        check=False,
    )
    if completed.returncode:
        stderr = completed.stderr.decode(errors="replace").strip()
        reason = stderr.splitlines()[-1] if stderr else "no reason given"
        raise CommandError(f"the model cannot be exported to {models_dir}: {reason}")
    return completed.stdout


@click.command()
@json_option
@click.pass_obj
def settings(context: CliContext, as_json: bool) -> None:
    """Print each setting with its value, its default and its meaning. Secrets are hidden.

    A setting is an environment variable of that name.
    """
    rows = setting_rows(read_settings(context.environ))
    if as_json:
        print_json(msgspec.json.encode(rows))
        return
    show_table(
        terminal(),
        ("setting", "value", "default", "meaning"),
        [(row.name, row.value, row.default, row.meaning) for row in rows],
    )
