"""Printing to the terminal: text from other people's pages made harmless, and JSON documents."""

from __future__ import annotations

import re
from typing import NoReturn

import click
import msgspec
from rich.console import Console

# Control characters, lone surrogates, and characters that reorder or break lines. They begin
# escape sequences (U+009B as well as ESC), or make a line read as something else.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BLANK = re.compile(r"\s+")


class _Terminal(Console):
    def on_broken_pipe(self) -> NoReturn:
        # rich would end the process here, with the exit code of a failed job.
        raise BrokenPipeError


def terminal(*, stderr: bool = False) -> Console:
    """Stdout or stderr, styled if it is a terminal. Printed text is never read as markup."""
    return _Terminal(stderr=stderr, markup=False, emoji=False, highlight=False)


def printable(text: str) -> str:
    """The text as one line, without anything that a terminal would obey."""
    return _UNSAFE.sub("", _BLANK.sub(" ", text)).strip()


def print_json(document: bytes) -> None:
    """Prints the document as one line, with unsafe characters escaped."""
    text = msgspec.json.format(document, indent=0).decode(errors="replace")
    # Such characters occur only within its strings, so an escape does not change its meaning.
    escaped = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    # As bytes: JSON is UTF-8, whatever the encoding of the terminal.
    click.echo(escaped.encode() + b"\n", nl=False)
