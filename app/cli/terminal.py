"""Text from other people's pages, made fit for a terminal."""

from __future__ import annotations

import re
from typing import NoReturn

from rich.console import Console

# Control characters, lone surrogates, and what reorders or breaks lines. They begin escape
# sequences (U+009B as well as ESC), or make a line read as something else.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BLANK = re.compile(r"\s+")


def printable(text: str) -> str:
    """The text as one line, without anything that a terminal would obey."""
    return _UNSAFE.sub("", _BLANK.sub(" ", text)).strip()


def printable_json(document: bytes) -> str:
    """The document with such characters escaped.

    They can stand in its strings only, so it says the same.
    """
    text = document.decode(errors="replace")
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Terminal(Console):
    def on_broken_pipe(self) -> NoReturn:
        # rich would end the process here, with the code of a failed job.
        raise BrokenPipeError


def terminal(*, stderr: bool = False) -> Console:
    """Stdout or stderr: styled if it is a terminal. Nothing that is printed is read as markup."""
    return _Terminal(stderr=stderr, markup=False, emoji=False, highlight=False)
