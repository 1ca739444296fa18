"""The entry point, and the commands there are."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

import click

from app.cli.context import LazyGroup, Surroundings
from app.cli.exits import BROKEN_PIPE, CommandError, Interrupted, Unreachable, WrongUse
from tasks.errors import CuratorError, InvalidSettings, LedgerUnavailable

_ERRORS: dict[type[CuratorError], type[CommandError]] = {
    InvalidSettings: WrongUse,
    LedgerUnavailable: Unreachable,
}


class Curator(LazyGroup):
    """The group that turns whatever ends a command into its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except tuple(_ERRORS) as error:
            raise _ERRORS[type(error)](str(error)) from error
        except KeyboardInterrupt as error:
            raise Interrupted("stopped") from error
        except BrokenPipeError:
            _forget_stdout()
            ctx.exit(BROKEN_PIPE)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            _forget_stdout()
            raise WrongUse("there is no space left to write to") from error


def _forget_stdout() -> None:
    """The interpreter flushes stdout when it ends, and would complain of what is left in it."""
    sys.stdout = io.TextIOWrapper(io.BytesIO())


@click.group(
    cls=Curator,
    lazy={
        "up": ("app.cli.commands.processes:up", "Run everything here: Valkey, web and worker."),
        "web": ("app.cli.commands.processes:web", "Run the web service."),
        "worker": ("app.cli.commands.processes:worker", "Run a worker."),
        "jobs": ("app.cli.commands.jobs:jobs", "Submit, watch and read jobs."),
        "schedules": ("app.cli.commands.schedules:schedules", "Submit jobs again and again."),
        "queue": ("app.cli.commands.queue:queue", "Look at the queue, pause it, let it go on."),
        "workers": ("app.cli.commands.queue:workers", "List the workers, and end one gently."),
        "doctor": (
            "app.cli.commands.doctor:doctor",
            "Look for what is wrong with Redis or the ledger.",
        ),
        "models": (
            "app.cli.commands.models:models",
            "Export the model for workers that start fast.",
        ),
        "settings": ("app.cli.commands.settings:settings", "Print each setting and what it means."),
    },
)
@click.version_option(package_name="content-curator")
def cli() -> None:
    """Turn a topic or a list of URLs into a ranked, duplicate-free list of articles.

    Exit codes: 0 fine, 1 the job failed or the doctor found something, 2 wrong use, 3 the server
    cannot be reached.
    """


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A title may hold what the terminal's encoding does not.
            stream.reconfigure(errors="replace")
    cli(prog_name="curator", obj=Surroundings(environ=os.environ))
