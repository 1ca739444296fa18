"""The HTTP interface under schemathesis: all its checks, on requests made up from our schema.

Against a real `curator up`, whose worker fetches from the sample web only. schemathesis runs in
rounds, each with a seed of its own, until there were as many cases as wanted.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from tests.bench.entrants import ROOT
from tests.bench.figure import Figure, prints_figures
from tests.loopback import free_port
from tests.sampleweb.demo import curator_up, sample_web_environ
from tests.sampleweb.server import SampleWeb

PROGRAM = ROOT / ".venv-bench" / "bin" / "schemathesis"
CONFIG = Path(__file__).with_name("schemathesis.toml")

MAX_EXAMPLES = 100
"""Of one operation in one round."""

OPERATIONS = 20
"""Roughly; a round for fewer cases than that many times MAX_EXAMPLES has fewer examples."""

SERVER_ERRORS, UNDOCUMENTED = ("ST101", "ST102"), "ST103"
"""The codes of schemathesis for an answer of 500 and above, and for a status not in the schema."""

REFUSED = "ST202"
"""For a request that fits the schema and is refused all the same. A schema cannot say all that is
wrong: an idempotency key that was used for another job, a start time in a schedule."""


class Cases(Struct, frozen=True, kw_only=True):
    generated: int


class Group(Struct, frozen=True, kw_only=True):
    """Failures of one kind."""

    code: str
    title: str
    count: int
    operations: list[str]


class Fault(Struct, frozen=True, kw_only=True):
    title: str
    count: int


class Round(Struct, frozen=True, kw_only=True):
    """What schemathesis reports; it reports more."""

    complete: bool
    test_cases: Cases
    failures: list[Group]
    errors: list[Fault]


@click.command()
@click.option("--cases", default=20_000, show_default=True, help="Requests, at least.")
@click.option("--seed", default=1, show_default=True, help="Of the first round.")
@click.option("--keep", type=click.Path(path_type=Path), help="A folder for the reports.")
@prints_figures
def api_fuzz(cases: int, seed: int, keep: Path | None) -> Iterator[Figure]:
    """All checks of schemathesis on requests made up from our schema."""
    if not PROGRAM.exists():
        raise click.ClickException("schemathesis is not there; scripts/bench api-fuzz installs it")
    with tempfile.TemporaryDirectory(prefix="curator-bench-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rounds = asyncio.run(_rounds(cases, seed, folder, Path(temporary) / "state"))
    yield from _figures(rounds)


async def _rounds(cases: int, seed: int, folder: Path, state: Path) -> list[Round]:
    rounds: list[Round] = []
    port = free_port()
    async with SampleWeb() as web:
        environ = {
            "HTTP_PORT": str(port),
            "STATE_DIR": str(state),
            "WORKER_LOG_LEVEL": "ERROR",
            **sample_web_environ(web.proxy_url),
        }
        async with curator_up(port, environ) as url:
            while (done := sum(one.test_cases.generated for one in rounds)) < cases:
                click.echo(f"{done} of {cases} cases", err=True)
                rounds.append(await _round(url, cases - done, seed + len(rounds), folder))
    return rounds


async def _round(url: str, cases: int, seed: int, folder: Path) -> Round:
    report = folder / f"report-{seed}.json"
    examples = max(1, min(MAX_EXAMPLES, cases // OPERATIONS))
    with (folder / f"schemathesis-{seed}.txt").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(str(PROGRAM), "--config-file", str(CONFIG), "--no-color"),
            *("run", f"{url}/schema/openapi.json"),
            *("--checks", "all", "--continue-on-failure", "--generation-database", "none"),
            *("--max-examples", str(examples), "--seed", str(seed)),
            *("--report", "json", "--report-json-path", str(report)),
            cwd=folder,
            stdout=output,
            stderr=output,
        )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    result = msgspec.json.decode(report.read_bytes(), type=Round)
    if not result.complete or not result.test_cases.generated:
        raise click.ClickException(f"schemathesis did not end its round: {result.errors}")
    return result


def _figures(rounds: list[Round]) -> Iterator[Figure]:
    failures: Counter[str] = Counter()
    titles: Counter[str] = Counter()
    for group in (group for one in rounds for group in one.failures):
        failures[group.code] += group.count
        titles[f"{group.title}: {', '.join(group.operations)}"] += group.count
    for title, count in titles.most_common():
        click.echo(f"{count} × {title}", err=True)
    errors = sum(fault.count for one in rounds for fault in one.errors)
    cases = sum(one.test_cases.generated for one in rounds)
    yield Figure(name="cases", value=cases, unit="requests")
    yield _none("server errors", sum(failures[code] for code in SERVER_ERRORS))
    yield _none("undocumented status codes", failures[UNDOCUMENTED])
    others = failures.total() - failures[REFUSED]
    yield _none("failures of all checks, but those refused", others)
    yield Figure(name="fit the schema, and were refused", value=failures[REFUSED], unit="kinds")
    yield _none("errors of schemathesis itself", errors)


def _none(name: str, value: float) -> Figure:
    return Figure(name=name, value=value, unit="", goal="0", met=value == 0)
