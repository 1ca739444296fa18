"""What a command is given: its context, and the options and parameter types that commands share."""

from __future__ import annotations

import datetime as dt
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

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


def client_options(command: Command) -> Command:
    """Adds --url and --json."""
    url = click.option(
        "--url", metavar="URL", help="URL of the web service.  [default: CURATOR_URL]"
    )
    return url(json_option(command))


def choice(values: Iterable[str]) -> click.Choice[str]:
    """One of these values, in upper or lower case."""
    # As plain strings: click would offer the names of an enum's members, not their values.
    return click.Choice([str(value) for value in values], case_sensitive=False)


class Moment(click.ParamType[dt.datetime]):
    """A time as ISO 8601; without an offset it is in the local time zone."""

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


class Duration(click.ParamType[float]):
    """A duration in seconds, or with its unit: 90, 15m, 12h, 7d."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        parts = re.fullmatch(r"([0-9]{1,9})([smhd]?)", value)
        if parts is None:
            self.fail(f"{value!r} is not a duration such as 90, 15m, 12h or 7d.", param, ctx)
        return float(parts[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[parts[2]]


MOMENT, DURATION = Moment(), Duration()
