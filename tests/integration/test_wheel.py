"""From a wheel, in a folder of somebody else: none of the code there is ever run."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.test_up import Up, log_of
from tests.loopback import free_port
from tests.sampleweb.catalogue import urls
from tests.sampleweb.server import SampleWeb
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]

VERSION = "0.0.0+wheel"
"""Of the wheel. A process that gives it in its log has not imported this checkout."""

STRANGER = "from pathlib import Path\nPath({mark!r}).write_text(__name__)\nraise SystemExit(7)\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of this checkout; what it depends on is installed already."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for package in ("app", "tasks", "nlp"):
        shutil.copytree(
            ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file in ("README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    project = (ROOT / "pyproject.toml").read_text()
    (source / "pyproject.toml").write_text(project.replace('"0.1.0"', f'"{VERSION}"', 1))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--no-compile")
    subprocess.run([*pip, *options, "--target", str(target), str(source)], check=True)
    return target


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """The file that exists once the stranger's code has been run."""
    return tmp_path / "mark"


@pytest.fixture
def folder(tmp_path: Path, mark: Path) -> Path:
    """A stranger's folder, with names that we import."""
    folder = tmp_path / "stranger"
    for name in ("app.py", "tasks/__init__.py", "nlp/__init__.py", "click.py", "structlog.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(STRANGER.format(mark=str(mark)))
    return folder


@asynccontextmanager
async def up_from(installed: Path, folder: Path, state: Path, proxy: str) -> AsyncIterator[Up]:
    """`curator up` of the wheel, in that folder."""
    port = free_port()
    environ = {
        "REDIS_URL": "",
        "STATE_DIR": str(state),
        "HTTP_PORT": str(port),
        "PYTHONPATH": str(installed),
        "EGRESS_PROXY": proxy,
        "WORKER_MAX_TASKS": "2",  # so the worker also replaces itself
    }
    with log_of(state).open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(installed / "bin" / "curator", "up"),
            env={**os.environ, **environ},
            cwd=folder,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Up(process, state, port)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def test_no_process_imports_from_the_current_folder(
    installed: Path, folder: Path, mark: Path, tmp_path: Path
) -> None:
    async with (
        SampleWeb() as web,
        up_from(installed, folder, tmp_path / "state", web.proxy_url) as running,
    ):
        await running.ready()
        await running.succeeds(await running.submit(type="batch_analysis", urls=urls()[:2]))
        lines = [json.loads(line) for line in running.log.splitlines()]
        await wait_until(lambda: "is replaced" in running.log, "the worker to replace itself")
        await running.ready()
        running.process.terminate()
        assert await asyncio.wait_for(running.process.wait(), 60) == 0
    versions = {line["event"]: line["version"] for line in lines if "version" in line}
    assert versions == dict.fromkeys(("curator is up", "web listens", "worker started"), VERSION)
    assert not was_run(mark)


def test_the_export_of_the_model_does_not_either(installed: Path, folder: Path, mark: Path) -> None:
    environ = {"PYTHONPATH": str(installed), "MODELS_DIR": "/dev/null/models"}
    completed = subprocess.run(
        [installed / "bin" / "curator", "models", "export"],
        env={**os.environ, **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not was_run(mark)
    assert completed.stderr.startswith("Error: the model cannot be exported to /dev/null/models")


def was_run(mark: Path) -> bool:
    return mark.exists()
