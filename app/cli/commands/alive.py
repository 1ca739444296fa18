"""`curator alive`: what the image's health check runs."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import httpx

from app.cli.exits import Unreachable
from tasks.settings import read_settings

SECONDS = 5.0

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - only compared with


@click.command()
def alive() -> None:
    """Exit with 0 if web or the worker of this container is alive.

    Web is asked at /health/live. A worker has nothing to ask; it must run and not be stopped. It
    may be alive without Redis, which no restart would bring back.
    """
    roles = set(_roles())
    if "web" in roles:
        _ask_web()
    elif "worker" not in roles:
        raise Unreachable("neither web nor a worker runs here")


def _roles() -> Iterator[str]:
    """`web` and `worker`, where such a process runs."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has ended, or is another user's
            continue
        if state in "TtZX" or sys.executable.rpartition("/")[2] not in words[0]:
            continue
        for program, command in itertools.pairwise(words):
            if command in ("web", "worker") and program.endswith(("/curator", "app.cli")):
                yield command


def _ask_web() -> None:
    settings = read_settings(os.environ)
    host = "localhost" if settings.http_host in ANY_ADDRESS else settings.http_host
    host = f"[{host}]" if ":" in host else host
    url = f"http://{host}:{settings.http_port}/health/live"
    try:
        httpx.get(url, timeout=SECONDS, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise Unreachable(f"{url} does not answer as it should: {error}") from error
