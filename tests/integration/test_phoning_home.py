"""No process of ours asks the network for anything but what its jobs name."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tasks.jobs.job import BatchAnalysis, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.settings import Settings
from tests.integration.conftest import ended
from tests.integration.raw_site import serving, sized
from tests.processes import worker_environ
from tests.unit.nlp.samples import html, prose
from tests.waiting import wait_until

ASKED = "the-only-name-asked.example"


STRACE = (
    "strace",
    "-D",
    "-f",
    "--seccomp-bpf",
    "-q",
    "-yy",
    "-xx",
    "-s",
    "600",
    "-e",
    "signal=none",
)

SENT_TO_PORT_53 = re.compile(r"send(?:to|msg|mmsg)\(\d+<[A-Z6v]+:\[[^\]]*:53\]>.*")

CONNECTED_TO = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr|inet_pton)\([^"]*"([^"]+)"')


def bare_environ(home: Path, **settings: str) -> dict[str, str]:
    """Nothing but the settings: onnxruntime reports nothing where a variable such as CI is set."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**kept, "HOME": str(home), "RES_OPTIONS": "timeout:1 attempts:1", **settings}


def can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run([*STRACE, "-o", os.devnull, "true"], check=False).returncode == 0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_the_library_of_the_embedder_keeps_no_id_of_this_machine(home: Path) -> None:
    start = "import nlp.embedding.onnx_embedder as it; it.onnxruntime.get_available_providers()"
    subprocess.run([sys.executable, "-c", start], env=bare_environ(home), check=True)
    assert below(home) == []


@pytest.mark.skipif(not can_trace(), reason="needs strace, and the permission to use it")
async def test_a_worker_asks_for_no_name_but_those_of_its_jobs(
    settings: Settings, queue: Queue, home: Path, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    given = worker_environ(settings, task_max_retries=0, allow_private_addresses=1)
    async with serving() as site, traced_worker(bare_environ(home, **given), calls):
        site.answers["/article"] = sized(html(paragraphs=[prose(1)]).encode())
        urls = (f"http://{ASKED}/", site.url("/article"))
        job = (await queue.submit(Submission(params=BatchAnalysis(urls=urls)))).job
        record = (await ended(queue, job.id, timeout=120)).record
    assert (record.state, record.processed, record.failed) == (JobState.SUCCESS, 1, 1)
    log = calls.read_text()
    assert {name.partition(".example")[0] + ".example" for name in names_asked(log)} == {ASKED}
    assert {port for port, address in connections(log) if not is_loopback(address)} <= {53}
    assert below(home) == []


@asynccontextmanager
async def traced_worker(environ: Mapping[str, str], calls: Path) -> AsyncIterator[None]:
    """`curator worker`, with what its processes send to the network written to the file."""
    worker = await asyncio.create_subprocess_exec(
        *(*STRACE, "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", calls),
        *(sys.executable, "-m", "app.cli", "worker"),
        env=environ,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        worker.terminate()  # the worker itself: with -D, strace is its child
        await worker.wait()
    end = re.compile(rf"^{worker.pid} +\+\+\+ ", re.MULTILINE)  # strace pads short numbers
    await wait_until(lambda: end.search(calls.read_text()), "strace to see its end", timeout=60)


def below(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


def names_asked(log: str) -> Iterator[str]:
    """The names in the DNS queries of a trace."""
    for line in SENT_TO_PORT_53.findall(log):
        for text in re.findall(r'"((?:\\x[0-9a-f]{2})+)"', line):
            query = bytes.fromhex(text.replace("\\x", ""))
            if len(query) > 17:
                yield name_in(query)


def name_in(query: bytes) -> str:
    """The name that a DNS query asks for; its header has 12 bytes."""
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels)


def connections(log: str) -> Iterator[tuple[int, str]]:
    """Port and address of each connection over the network."""
    for port, address in CONNECTED_TO.findall(log):
        yield int(port), bytes.fromhex(address.replace("\\x", "")).decode()


def is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")
