"""What the doctor reports: one finding for each check."""

from __future__ import annotations

import enum

from msgspec import Struct


class Level(enum.StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Worth a look; it may be intended."""
    ERROR = "error"
    """Jobs are, or will be, lost or stuck."""


class Finding(Struct, frozen=True, kw_only=True):
    """The outcome of one check."""

    check: str
    level: Level
    """As it was before any fix."""
    sentence: str
    fixable: bool = False
    """Whether `--fix` removes the fault."""
    fixed: bool = False

    @property
    def problem(self) -> bool:
        """Whether the operator has something left to do."""
        return self.level is Level.ERROR and not self.fixed


def ok(check: str, sentence: str) -> Finding:
    return Finding(check=check, level=Level.OK, sentence=sentence)


def warning(check: str, sentence: str) -> Finding:
    return Finding(check=check, level=Level.WARNING, sentence=sentence)


def error(check: str, sentence: str) -> Finding:
    return Finding(check=check, level=Level.ERROR, sentence=sentence)


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
