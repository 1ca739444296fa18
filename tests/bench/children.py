"""The processes that a benchmark starts, each ended by its own id, also on Ctrl-C."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

END_SECONDS = 5.0

PARENT_PID = "BENCH_PARENT_PID"
"""The variable in which a command finds the process that started it."""


@contextmanager
def child(
    command: Sequence[str], environ: Mapping[str, str], log: Path, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command in the folder during the body. What it says goes to the end of `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**environ, PARENT_PID: str(os.getpid())},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
