"""What the command takes from around it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


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
