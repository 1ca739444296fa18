"""`scripts/bench siege`: two minutes of everything that means harm, and what comes of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import click
import httpx
import msgspec
from msgspec.structs import replace

from tests.bench.children import PARENT_PID
from tests.bench.entrants import ROOT
from tests.bench.figure import Figure, prints_figures
from tests.bench.siege.aftermath import clear_up, doctor_problems
from tests.bench.siege.cell import Cell, MemoryGroup, memory_group, own_names
from tests.bench.siege.figures import Siege, figures
from tests.bench.siege.plan import NAME_SERVER, Attack, GoodCaller, Plan
from tests.bench.siege.watch import Watch, processes
from tests.loopback import free_port

R = TypeVar("R", Attack, GoodCaller)

READY_SECONDS = 90.0
CALM_SECONDS = 30.0
WARM_UP_PAGES, CAPACITY_PAGES = 12, 60
JOB_SECONDS = 90.0
END_SECONDS = 60.0
"""For a program to end by itself after its time, and for `curator up` after SIGTERM."""

MAX_TOLD = 10
"""Problems of one kind that are told in full."""

CALLER_END_SECONDS = 120.0
"""The good caller waits for its last jobs."""


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=16),
    default=120.0,
    show_default=True,
    help="How long the attackers attack.",
)
@click.option("--limit-mb", default=1536, show_default=True, help="Of the memory cgroup.")
@click.option("--keep", type=click.Path(path_type=Path), help="A new folder for logs and reports.")
@prints_figures
def siege(seconds: float, limit_mb: int, keep: Path | None) -> Iterator[Figure]:
    """Everything that means harm at once, beside a good caller.

    Attackers at 127.0.0.2 submit ten times what the product can do, in small and in large jobs;
    their sites are hostile, silent or endless, and their requests slow or broken. A good caller at
    127.0.0.3 submits a small job every five seconds.
    """
    with tempfile.TemporaryDirectory(prefix="curator-siege-") as temporary:
        folder = keep or Path(temporary) / "siege"
        folder.mkdir(parents=True)
        with memory_group(limit_mb * 2**20) as group:
            if group is None:
                click.echo("No memory cgroup can be made here: memory is only measured.", err=True)
            seen = asyncio.run(_siege(folder.resolve(), group, seconds))
        _tell_problems(seen)
        yield from figures(seen)


def _tell_problems(seen: Siege) -> None:
    """What the figures only count."""
    problems = {
        "a job of the good caller": [job.problem for job in seen.good.jobs if job.problem],
        "an unexpected answer to": seen.attack.faults,
        "curator doctor": seen.aftermath.problems,
        "left behind": seen.left_files,
    }
    for what, sentences in problems.items():
        for sentence in sentences[:MAX_TOLD]:
            _say(f"{what}: {sentence}")


async def _siege(folder: Path, group: MemoryGroup | None, seconds: float) -> Siege:
    resolv_conf = folder / "resolv.conf"
    resolv_conf.write_text(f"nameserver {NAME_SERVER}\n")
    named = own_names(resolv_conf)
    if not named:
        click.echo(
            "Names cannot be resolved by us here: silent name servers are left out.", err=True
        )
    plan = Plan(
        port=free_port(), site_port=free_port(), named=named, seconds=seconds, articles_per_second=0
    )
    cell = Cell(group=group, resolv_conf=resolv_conf if named else None)
    async with _program("sites", plan, folder) as sites, _curator(cell, plan, folder) as up:
        assert sites.stdout is not None
        await sites.stdout.readline()
        await _ready(plan.port, up)
        return await _besiege(plan, up, folder, group)


async def _besiege(
    plan: Plan, up: asyncio.subprocess.Process, folder: Path, group: MemoryGroup | None
) -> Siege:
    watch = Watch(up.pid)
    async with _running(watch.run()):
        _say("warming up, and measuring the capacity")
        await _pages_a_second(plan, 100_000, WARM_UP_PAGES)
        capacity = await _pages_a_second(plan, 200_000, CAPACITY_PAGES)
        plan = replace(plan, articles_per_second=capacity)
        problems = await doctor_problems(folder / "state")
        calm_plan = replace(plan, seconds=min(CALM_SECONDS, plan.seconds), first=300_000)
        _say(f"capacity {capacity:.1f} articles/s; {calm_plan.seconds:g} s of calm")
        calm = await _reported("caller", calm_plan, folder, GoodCaller)
        _say(f"{plan.seconds:g} s of siege")
        since = time.time()
        good, attack = await asyncio.gather(
            _reported("caller", replace(plan, first=400_000), folder, GoodCaller),
            _reported("attackers", replace(plan, first=1_000_000), folder, Attack),
        )
        until = since + plan.seconds
        _say("cancelling what the attackers left")
        accepted = [*attack.accepted, *(job.job_id for job in good.jobs if job.job_id)]
        aftermath = await clear_up(plan.port, folder / "state", accepted, known=problems)
    exit_status = await _ended(up)
    (folder / "samples.json").write_bytes(msgspec.json.encode(watch.samples))
    return Siege(
        plan=plan,
        group=group,
        calm=calm,
        good=good,
        attack=attack,
        watch=watch,
        since=since,
        until=until,
        folder=folder,
        log=(folder / "curator.log").read_text(errors="replace"),
        kills=group.kills if group else 0,
        peak_bytes=group.peak_bytes if group else 0,
        aftermath=aftermath,
        exit_status=exit_status,
        left_processes=_left_processes(group, folder / "state"),
        left_files=_left_files(folder),
    )


@asynccontextmanager
async def _curator(
    cell: Cell, plan: Plan, folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`curator up` in its cell, with the defaults but for where it may fetch from."""
    temporary = folder / "tmp"
    temporary.mkdir()
    feeds = [plan.url("feeds", 0, f"/feed/{number}") for number in range(9)]
    environ = {
        **os.environ,
        "REDIS_URL": "",
        "STATE_DIR": str(folder / "state"),
        "HTTP_PORT": str(plan.port),
        "ALLOW_PRIVATE_ADDRESSES": "1",
        "SOURCES": "feeds",
        "FEED_URLS": " ".join(feeds),
        "TMPDIR": str(temporary),
        "SIEGE_FOLDER": str(folder),
        "PYTHONPATH": f"{Path(__file__).parent / 'measuring'}{os.pathsep}{ROOT}",
    }
    with (folder / "curator.log").open("ab") as log:
        up = await asyncio.create_subprocess_exec(
            *cell.command(sys.executable, "-m", "app.cli", "up"),
            env=environ,
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield up
    finally:
        if up.returncode is None:
            up.kill()  # all that it runs ends with it
        await up.wait()


@asynccontextmanager
async def _program(
    name: str, plan: Plan, folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program of the siege; killed at the end if it still runs."""
    with (folder / f"{name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"tests.bench.siege.{name}", plan.argument()),
            env={**os.environ, PARENT_PID: str(os.getpid())},
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _reported(name: str, plan: Plan, folder: Path, kind: type[R]) -> R:
    """Runs a program to its end, and gives what it reports. Raises ClickException without that."""
    async with _program(name, plan, folder) as process:
        async with asyncio.timeout(plan.seconds + CALLER_END_SECONDS + END_SECONDS):
            output, _ = await process.communicate()
    (folder / f"{name}.json").write_bytes(output)
    if process.returncode:
        log = (folder / f"{name}.log").read_text(errors="replace")
        raise click.ClickException(f"{name} ended with {process.returncode}:\n{log[-2000:]}")
    return msgspec.json.decode(output, type=kind)


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _ready(port: int, up: asyncio.subprocess.Process) -> None:
    deadline = time.monotonic() + READY_SECONDS
    async with _client(port) as client:
        while time.monotonic() < deadline and up.returncode is None:
            with contextlib.suppress(httpx.TransportError, ValueError):
                health = (await client.get("/health/jobs")).json()
                if health.get("workers"):
                    return
            await asyncio.sleep(0.1)
    raise click.ClickException("curator did not come up")


async def _pages_a_second(plan: Plan, first: int, count: int) -> float:
    """How fast one job of that many good pages is done."""
    pages = range(first, first + count)
    urls = [plan.url("many", page, f"/article/{page}") for page in pages]
    began = time.monotonic()
    async with _client(plan.port) as client:
        answer = await client.post("/jobs", json={"type": "batch_analysis", "urls": urls})
        job_id = answer.raise_for_status().json()["job_id"]
        while time.monotonic() < began + JOB_SECONDS:
            status = (await client.get(f"/jobs/{job_id}/status")).json()
            if status["finished_at"]:
                if status["processed_count"] < count:
                    raise click.ClickException(f"good pages failed: {status['failures'][:3]}")
                return count / (time.monotonic() - began)
            await asyncio.sleep(0.2)
    raise click.ClickException("a job of good pages does not end")


def _client(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)


async def _ended(up: asyncio.subprocess.Process) -> int | None:
    with contextlib.suppress(ProcessLookupError):
        up.send_signal(signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(up.wait(), END_SECONDS)
    return None


def _left_processes(group: MemoryGroup | None, state_dir: Path) -> int:
    """Of the product, after it has ended."""
    if group is not None:
        return len(group.processes)
    return sum(_belongs(process.pid, state_dir) for process in processes())


def _belongs(pid: int, state_dir: Path) -> bool:
    with contextlib.suppress(OSError):
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return f"STATE_DIR={state_dir}".encode() in environ
    return False


def _left_files(folder: Path) -> list[str]:
    """Temporary files, and what is in the state directory but the data of the next start."""
    temporary = [str(path.relative_to(folder)) for path in (folder / "tmp").rglob("*")]
    expected = {"lock", "models", "valkey"}
    state = [path.name for path in (folder / "state").iterdir() if path.name not in expected]
    return temporary + state


def _say(what: str) -> None:
    click.echo(what, err=True)
