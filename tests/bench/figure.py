"""What a benchmark gives, and how it is printed."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import ParamSpec

import click
import msgspec
from msgspec import Struct

P = ParamSpec("P")


class Figure(Struct, frozen=True, kw_only=True):
    """One measured number, with what it was compared to in the same run."""

    name: str
    value: float
    unit: str
    against: str | None = None
    """What it is compared to; None where there is nothing."""
    against_value: float | None = None
    ratio: float | None = None
    """value / against_value."""
    goal: str | None = None
    """In words, as `ratio >= 3` or `<= 20 ms`."""
    met: bool | None = None
    """Whether the goal was reached; None without one."""


def compared(name: str, value: float, unit: str, against: str, against_value: float) -> Figure:
    """A figure beside the one that it is compared to."""
    ratio = value / against_value if against_value else None
    return Figure(
        name=name,
        value=value,
        unit=unit,
        against=against,
        against_value=against_value,
        ratio=ratio,
    )


def prints_figures(run: Callable[P, Iterable[Figure]]) -> Callable[..., None]:
    """Makes a click command's function of one that gives figures: a line each, as they come.

    With --json each line is one object, and nothing else is on stdout.
    """

    @click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
    @functools.wraps(run)
    def command(as_json: bool, *args: P.args, **kwargs: P.kwargs) -> None:
        missed = False
        for figure in run(*args, **kwargs):
            line = msgspec.json.encode(figure).decode() if as_json else _line(figure)
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
            missed = missed or figure.met is False
        if missed:
            click.echo("Not every goal was reached.", err=True)

    return command


def _line(figure: Figure) -> str:
    parts = [f"{figure.name:<44} {_number(figure.value):>12} {figure.unit}"]
    if figure.against is not None and figure.against_value is not None:
        parts.append(f"against {figure.against} {_number(figure.against_value)}")
    if figure.ratio is not None:
        parts.append(f"ratio {figure.ratio:.2f}")
    if figure.goal is not None:
        parts.append(f"goal {figure.goal}: {'met' if figure.met else 'MISSED'}")
    return "   ".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
