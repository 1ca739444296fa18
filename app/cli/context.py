"""What the command takes from around it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx
import datetime as dt
import importlib
import re
from collections.abc import Iterable
from typing import Any, TypeVar

import click
import msgspec

from app.cli.terminal import printable_json


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The object of click's context; every command can ask for it."""

    environ: Mapping[str, str]
    transport: httpx.BaseTransport | None = None
    """How requests travel; None for the network."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    asked: Callable[[], bool] = lambda: sys.stdin.isatty()
    """Whether there is somebody at a terminal to answer a question."""


class LazyGroup(click.Group):
    """A group that knows of each command where it stands and its line of help.

    So the list of commands is printed without importing any of them.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._lazy.items()])


Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else."
)
job_id_argument = click.argument("job_id", type=click.UUID)


class Moment(click.ParamType[dt.datetime]):
    """A time as ISO 8601; one without an offset is of the local zone."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        try:
            moment = dt.datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.astimezone()
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is not a time such as 2026-03-01T08:30.", param, ctx)


class Span(click.ParamType[float]):
    """A length of time in seconds, or with its unit: 90, 15m, 12h, 7d."""

    name = "span"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", value)
        if found is None:
            self.fail(f"{value!r} is not a length of time such as 90, 15m, 12h or 7d.", param, ctx)
        return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]


MOMENT, SPAN = Moment(), Span()


def choice(words: Iterable[str]) -> click.Choice[str]:
    """One of these words, in upper or lower case."""
    # As plain strings: of an enum's members, click would offer the names.
    return click.Choice([str(word) for word in words], case_sensitive=False)


def service_options(command: Command) -> Command:
    """Adds --url and --json."""
    url = click.option(
        "--url", metavar="URL", help="The web service, in place of the setting CURATOR_URL."
    )
    return url(json_option(command))


def print_json(document: bytes) -> None:
    """The document as one line."""
    one_line = msgspec.json.format(document, indent=0)
    # As bytes: JSON is UTF-8, whatever the terminal is.
    click.echo(printable_json(one_line).encode() + b"\n", nl=False)
