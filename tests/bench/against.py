"""This checkout beside an older one: the same benchmarks, in turn, round by round.

A machine's speed drifts within minutes, so only what runs in turn can be compared. The older
checkout is what git has of it, in a folder of its own, with the packages of this one. No-op steps
are timed by this checkout's harness for both; every other benchmark is the older one's own, and
figures are compared by their names. Packages that only the older checkout needs are installed into
its folder.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from statistics import median

import click
import msgspec

from tests.bench.entrants import OURS, ROOT, SINGLES, Entrant
from tests.bench.figure import Figure, compared, prints_figures
from tests.bench.server import BenchServer, bench_server
from tests.bench.timing import RoundResult, medians, run_round

OTHERS = ("coldstart", "pickup", "pipeline", "selection")
BENCHMARKS = ("overhead", *OTHERS)


@click.command()
@click.argument("revision")
@click.option("--rounds", default=5, show_default=True, help="Rounds of each checkout.")
@click.option("--tasks", default=5000, show_default=True, help="No-op tasks in a round.")
@click.option("--only", multiple=True, type=click.Choice(BENCHMARKS), help="Repeat for several.")
@prints_figures
def against(revision: str, rounds: int, tasks: int, only: tuple[str, ...]) -> Iterator[Figure]:
    """Compare with the checkout of REVISION: medians of alternating rounds."""
    chosen = only or BENCHMARKS
    with tempfile.TemporaryDirectory(prefix="curator-bench-") as folder:
        older = Path(folder) / "older"
        _check_out(revision, older)
        if "overhead" in chosen:
            yield from _overhead(revision, older, rounds, tasks, Path(folder))
        for name in chosen:
            if name in OTHERS:
                yield from _benchmark(name, revision, older, rounds)


def _check_out(revision: str, folder: Path) -> None:
    command = ("git", "archive", "--format=tar", revision)
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise click.UsageError(archive.stderr.decode().strip())
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    _install_missing_packages(folder)
    # The collections of pages and queries are looked for beside the project.
    (folder.parent / "shared").symlink_to(ROOT.parent / "shared")


def _install_missing_packages(folder: Path) -> None:
    """The packages of its lock that this checkout does not have any more."""
    locked = re.findall(
        r"^([\w.-]+)==\S+", (folder / "requirements.lock").read_text(), re.MULTILINE
    )
    installed = {_normalized(package.name) for package in metadata.distributions()}
    missing = [name for name in locked if _normalized(name) not in installed]
    if missing:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder)
        constraints = ("--constraint", folder / "requirements.lock")
        subprocess.run((*pip, *constraints, *missing), check=True)


def _normalized(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _overhead(
    revision: str, older: Path, rounds: int, tasks: int, folder: Path
) -> Iterator[Figure]:
    measured: dict[tuple[Entrant, Path], list[RoundResult]] = defaultdict(list)
    with bench_server() as server:
        for number in range(rounds):
            for entrant in (*OURS, SINGLES):
                _say(f"round {number + 1} of {rounds}: {entrant.name}")
                for root in _turns(older, number):
                    measured[entrant, root].append(_round(server, entrant, tasks, folder, root))
    for entrant in (*OURS, SINGLES):
        new, old = (medians(measured[entrant, root]) for root in (ROOT, older))
        for what, ours, theirs, unit in (
            ("steps", new.per_second, old.per_second, "1/s"),
            ("worker", new.worker_us, old.worker_us, "us/step"),
            ("Redis", new.redis_us, old.redis_us, "us/step"),
        ):
            yield compared(f"{entrant.name}: {what}", ours, unit, revision, theirs)


def _round(
    server: BenchServer, entrant: Entrant, tasks: int, folder: Path, root: Path
) -> RoundResult:
    return run_round(server, entrant, tasks, folder, root=root)


def _benchmark(name: str, revision: str, older: Path, rounds: int) -> Iterator[Figure]:
    measured: dict[Path, dict[str, list[Figure]]] = {ROOT: {}, older: {}}
    for number in range(rounds):
        _say(f"round {number + 1} of {rounds}: {name}")
        for root in _turns(older, number):
            for figure in _figures(name, root):
                measured[root].setdefault(figure.name, []).append(figure)
                side = "this" if root == ROOT else revision
                _say(f"  {side}: {figure.name} {figure.value:.4g} {figure.unit}")
    for figure_name, figures in measured[ROOT].items():
        theirs = measured[older].get(figure_name)
        if theirs:
            values = (median(figure.value for figure in some) for some in (figures, theirs))
            ours, old = values
            yield compared(f"{name}: {figure_name}", ours, figures[0].unit, revision, old)


def _figures(name: str, root: Path) -> Sequence[Figure]:
    environ = {**os.environ, "PYTHONPATH": str(root)}
    command = (sys.executable, "-m", "tests.bench", name, "--json")
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, check=False)
    if done.returncode:
        raise click.ClickException(f"{name} failed in {root}:\n{done.stderr.decode()[-2000:]}")
    return [msgspec.json.decode(line, type=Figure) for line in done.stdout.splitlines()]


def _turns(older: Path, number: int) -> tuple[Path, Path]:
    """Which runs first changes with each round."""
    return (ROOT, older) if number % 2 else (older, ROOT)


def _say(text: str) -> None:
    click.echo(text, err=True)
