"""The command as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("litestar", "taskiq", "redis", "torch")

# Prints, after the command has run, which of the heavy packages it has loaded.
PROBE = f"""
import atexit, sys
from app.cli.main import main
heavy = {HEAVY!r}
atexit.register(lambda: print("loaded:", [name for name in heavy if name in sys.modules]))
main()
"""


@pytest.mark.parametrize(
    "command",
    [("--help",), ("--version",), ("settings",), ("jobs", "list", "--url", "http://127.0.0.1:1")],
    ids=" ".join,
)
def test_the_command_loads_nothing_of_the_server(command: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, *command], capture_output=True, text=True, check=False
    )

    assert ended.stdout.endswith("loaded: []\n"), ended.stderr


def test_help_names_every_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", "--help"], capture_output=True, text=True, check=True
    )

    for command in ("up", "web", "worker", "jobs", "settings"):
        assert f"\n  {command} " in ended.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "app.cli", "settings"],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)

    assert ended.stderr == b""
    assert ended.returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "app.cli", "settings"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert ended.returncode == 2
    assert ended.stderr == b"Error: there is no space left to write to\n"


def test_a_terminal_of_another_encoding_gets_signs_it_can_show() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", "settings"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "USER_AGENT": "Kuratorin für Gezeiten"},
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 0
    assert b"Kuratorin f?r Gezeiten" in ended.stdout
