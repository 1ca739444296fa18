"""What a command is given: its context, and the options that several commands share."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tasks.jobs.job import JobType

if TYPE_CHECKING:
    import httpx

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
job_id_argument = click.argument("job_id", type=click.UUID)


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


def client_options(command: Command) -> Command:
    """Adds --url and --json."""
    url = click.option(
        "--url", metavar="URL", help="URL of the web service.  [default: CURATOR_URL]"
    )
    return url(json_option(command))
