"""What the processes of a campaign record, each line in one write, so that a kill loses none.

A line is appended right after the event that it records. A kill in between can make a claim or a
settled article look unfinished, but never the other way round.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

What = Literal["claimed", "called", "settled", "failed", "ended", "killed"]


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    at: float
    """Seconds since the epoch."""
    actor: str
    """The life of a process, as `worker-0.3`; of a kill, its victim."""
    what: What
    """`claimed` a step; `called` the engine for a URL; `settled` an article or let it be `failed`;
    `ended` an attempt in any other way; was `killed`."""
    step: str = ""
    """JOB/STEP."""
    url: str = ""
    kind: str = ""
    """Of a kill: what was killed."""


class Journal:
    """One file that all processes of a campaign append to."""

    def __init__(self, folder: Path, actor: str) -> None:
        self._file = folder / "journal"
        self._actor = actor

    def write(
        self, what: What, *, actor: str = "", step: str = "", url: str = "", kind: str = ""
    ) -> None:
        line = Line(
            at=time.time(), actor=actor or self._actor, what=what, step=step, url=url, kind=kind
        )
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, msgspec.json.encode(line) + b"\n")
        finally:
            os.close(descriptor)


def count_kills(folder: Path) -> int:
    """So far; a worker that was to kill its engine may have died before it could."""
    file = folder / "journal"
    return file.read_bytes().count(b'"what":"killed"') if file.exists() else 0


def read_journal(folder: Path) -> list[Line]:
    """In the order of time."""
    text = (folder / "journal").read_bytes()
    lines = msgspec.json.decode(b"[" + b",".join(text.splitlines()) + b"]", type=list[Line])
    return sorted(lines, key=lambda line: line.at)
