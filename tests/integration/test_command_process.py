"""The command as a process: its imports, and its output to pipes and full disks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("litestar", "uvicorn", "taskiq", "redis", "opentelemetry", "numpy", "torch")

# Prints, after the command has run, which of the heavy packages it has loaded.
PROBE = f"""
import atexit, sys
from app.cli.main import main
heavy = {HEAVY!r}
atexit.register(lambda: print("loaded:", [name for name in heavy if name in sys.modules]))
main()
"""


JOB = "01900000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "settings",
        "models export --help",
        "jobs --help",
        "jobs submit --topic tides",
        "jobs list",
        f"jobs watch {JOB}",
        f"jobs explain {JOB}",
        f"jobs cancel {JOB}",
        "jobs result beef --format csv",
        "jobs purge --all --yes",
        f"jobs rerun {JOB}",
        "schedules add @daily --topic tides",
        "schedules list",
        "queue stats",
        "workers list",
    ],
)
def test_client_commands_load_nothing_of_server_or_worker(command: str) -> None:
    completed = subprocess.run(
        [sys.executable, "-c", PROBE, *command.split()],
        env={**os.environ, "CURATOR_URL": "http://127.0.0.1:1"},  # nothing listens there
        capture_output=True,
        text=True,
        check=False,
    )

    assert completed.stdout.endswith("loaded: []\n"), completed.stderr


def test_completion_loads_nothing_of_server_or_worker() -> None:
    environ = {
        "_CURATOR_COMPLETE": "fish_complete",
        "COMP_WORDS": "curator jobs show ",
        "COMP_CWORD": "",
        "CURATOR_URL": "http://127.0.0.1:1",
    }
    completed = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.stdout.endswith("loaded: []\n"), completed.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_can_be_set_up_for_completion(shell: str) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "app.cli"],
        env={**os.environ, "_CURATOR_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"_CURATOR_COMPLETE={shell}_complete" in completed.stdout


def test_help_names_every_command() -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "app.cli", "--help"], capture_output=True, text=True, check=True
    )

    for command in ("up", "web", "worker", "jobs", "settings"):
        assert f"\n  {command} " in completed.stdout


def test_a_closed_pipe_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        completed = subprocess.run(
            [sys.executable, "-m", "app.cli", "settings"],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)

    assert completed.stderr == b""
    assert completed.returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_one_line_on_stderr() -> None:
    with open("/dev/full", "wb") as full:
        completed = subprocess.run(
            [sys.executable, "-m", "app.cli", "settings"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert completed.returncode == 2
    assert completed.stderr == b"Error: there is no space left to write to\n"


def test_characters_outside_the_terminals_encoding_are_replaced() -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "app.cli", "settings"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "USER_AGENT": "Kuratorin für Gezeiten"},
        capture_output=True,
        check=False,
    )

    assert completed.returncode == 0
    assert b"Kuratorin f?r Gezeiten" in completed.stdout
