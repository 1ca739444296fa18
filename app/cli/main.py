"""The command `curator`: its entry point, its commands, and its exit codes for unhandled errors."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

import click

from app.cli.context import CliContext, LazyGroup
from app.cli.exits import BROKEN_PIPE, CommandError, Interrupted, InvalidUsage, Unreachable
from tasks.errors import CuratorError, InvalidSettings, LedgerUnavailable

_ERRORS: dict[type[CuratorError], type[CommandError]] = {
    InvalidSettings: InvalidUsage,
    LedgerUnavailable: Unreachable,
}


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A title may have characters that the terminal's encoding lacks.
            stream.reconfigure(errors="replace")
    cli(prog_name="curator", obj=CliContext(environ=os.environ))


class _RootGroup(LazyGroup):
    """Turns the errors that end a command into its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except tuple(_ERRORS) as error:
            raise _ERRORS[type(error)](str(error)) from error
        except KeyboardInterrupt as error:
            raise Interrupted("stopped") from error
        except BrokenPipeError:
            _discard_stdout()
            ctx.exit(BROKEN_PIPE)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            _discard_stdout()
            raise InvalidUsage("there is no space left to write to") from error


def _discard_stdout() -> None:
    """The interpreter flushes stdout when it ends, and would complain about what is left in it."""
    sys.stdout = io.TextIOWrapper(io.BytesIO())


@click.group(
    cls=_RootGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    lazy={
        "up": (
            "app.cli.commands.processes:up",
            "Run everything on this machine: Valkey, web and worker.",
        ),
        "web": ("app.cli.commands.processes:web", "Run the web service."),
        "worker": ("app.cli.commands.processes:worker", "Run a worker."),
        "alive": ("app.cli.commands.alive:alive", "Check the web or worker of this container."),
        "jobs": ("app.cli.commands.jobs:jobs", "Submit, watch and read jobs."),
        "schedules": ("app.cli.commands.schedules:schedules", "Submit jobs at regular times."),
        "queue": ("app.cli.commands.queue:queue", "Inspect, pause and resume the queue."),
        "workers": ("app.cli.commands.queue:workers", "List workers, and drain one."),
        "doctor": (
            "app.cli.commands.maintenance:doctor",
            "Look for problems with Redis or the ledger.",
        ),
        "models": ("app.cli.commands.maintenance:models", "Export the model for a faster start."),
        "settings": (
            "app.cli.commands.maintenance:settings",
            "Print each setting and what it means.",
        ),
    },
)
@click.version_option(package_name="content-curator")
def cli() -> None:
    """Turn a topic or a list of URLs into a ranked, duplicate-free list of articles.

    Exit codes: 0 success, 1 the job failed or the doctor found problems, 2 invalid usage, 3 the
    server cannot be reached.

    \b
    After this, TAB completes commands, options and ids in bash:
    eval "$(_CURATOR_COMPLETE=bash_source curator)"
    """
