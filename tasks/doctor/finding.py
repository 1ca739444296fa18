"""What the doctor finds."""

from __future__ import annotations

import enum

from msgspec import Struct

EXAMPLES = 3
"""Things that a sentence names; it tells how many there are."""


class Level(enum.StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Worth a look; it may be meant so."""
    ERROR = "error"
    """Jobs are, or will be, lost or stuck."""


class Finding(Struct, frozen=True, kw_only=True):
    """What came of one check."""

    check: str
    level: Level
    """As it was found, also where it is fixed."""
    sentence: str
    fixable: bool = False
    """Whether `--fix` mends it."""
    fixed: bool = False

    @property
    def problem(self) -> bool:
        """Whether something is left to be done."""
        return self.level is Level.ERROR and not self.fixed


def fine(check: str, sentence: str) -> Finding:
    return Finding(check=check, level=Level.OK, sentence=sentence)


def warning(check: str, sentence: str) -> Finding:
    return Finding(check=check, level=Level.WARNING, sentence=sentence)


def error(check: str, sentence: str) -> Finding:
    return Finding(check=check, level=Level.ERROR, sentence=sentence)


class Tally:
    """How often one fault was found, and examples of it."""

    def __init__(self) -> None:
        self.count = 0
        self._examples: list[str] = []

    def add(self, about: str) -> None:
        self.count += 1
        if len(self._examples) < EXAMPLES:
            self._examples.append(about)

    def told(self, noun: str) -> str:
        more = ", …" if self.count > len(self._examples) else ""
        return f"{counted(self.count, noun)} ({', '.join(self._examples)}{more})"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
