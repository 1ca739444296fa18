"""The options that commands share, and the document that `--json` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
import msgspec

from app.cli.text import printable_json

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else."
)
job_id_argument = click.argument("job_id", type=click.UUID)


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
