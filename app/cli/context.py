"""What all commands share: their context, their options, and groups that import lazily."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from tasks.jobs.job import JobType

if TYPE_CHECKING:
    import httpx


class LazyGroup(click.Group):
    """A group that holds, for each command, where to import it from and its line of help.

    So `--help` lists the commands without importing any of them.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        """`lazy` maps the name of a command to ("module:attribute", help line)."""
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return None
        module, _, name = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [
            CompletionItem(name, help=line)
            for name, (_, line) in self._lazy.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._lazy.items()])


Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class CliContext:
    """The `obj` of click's context. Tests replace its parts."""

    environ: Mapping[str, str]
    transport: httpx.BaseTransport | None = None
    """What carries HTTP requests; None for the network."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    interactive: Callable[[], bool] = lambda: sys.stdin.isatty()
    """Whether a person at a terminal can answer a question."""


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else."
)


fail_on_option = click.option(
    "--fail-on",
    type=click.Choice(["job", "any"]),
    default="job",
    show_default=True,
    help="When to exit with 1: if the job fails, or also if any of its articles does.",
)


def choice(values: Iterable[str]) -> click.Choice[str]:
    """One of these values, in upper or lower case."""
    # As plain strings: click would offer the names of an enum's members, not their values.
    return click.Choice([str(value) for value in values], case_sensitive=False)


job_types_option = click.option(
    "--type",
    "types",
    multiple=True,
    type=choice(JobType),
    help="Only jobs of this type; can be repeated.",
)


def _refuse_url(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError("--url is called --server now.", context)


def client_options(command: Command) -> Command:
    """Adds --server and --json."""
    server = click.option(
        "--server", metavar="URL", help="URL of the web service.  [default: CURATOR_URL]"
    )
    former_name = click.option("--url", hidden=True, expose_value=False, callback=_refuse_url)
    return server(json_option(former_name(command)))
