"""`curator jobs trace`: where the time of a job went."""

from __future__ import annotations

import click
from rich.console import Console

from app.api.models.traces import spans_of
from app.cli.client import open_client
from app.cli.context import CliContext, client_options
from app.cli.ids import find_job, job_id_argument
from app.cli.tables import show_table
from app.cli.terminal import print_json, printable, terminal
from app.waterfall import LABELS, Attempt, Part, Waterfall, waterfall

BAR_WIDTH = 40
"""Characters of the whole time of a job."""

MARKS = {
    Part.QUEUE: ":",
    Part.HOST: "-",
    Part.FETCH: "=",
    Part.LINE: "~",
    Part.ENGINE: "#",
    Part.OTHER: "+",
}


@click.command()
@job_id_argument
@client_options
@click.pass_obj
def trace(context: CliContext, job_id: str, server: str | None, as_json: bool) -> None:
    """Print where the time of a job went: what its attempts did when, and its slowest hosts.

    With --json, the spans as OTLP in JSON, which Jaeger and Tempo import.
    """
    with open_client(context, server) as client:
        response = client.job_trace(find_job(client, job_id))
    if as_json:
        print_json(response.document)
        return
    found = waterfall(tuple(spans_of(response.body)))
    if found is None:
        click.echo("Nothing of this job has run yet, or its trace is not kept.")
        return
    _show(terminal(), found)


def _show(console: Console, found: Waterfall) -> None:
    lines = [
        f"{found.seconds:.2f} s from the submit to the last attempt; "
        f"the first waited {found.started_after:.2f} s for a worker.",
        "All attempts together: "
        + ", ".join(
            f"{MARKS[part]} {LABELS[part]} {seconds:.2f} s" for part, seconds in found.parts
        ),
        "",
    ]
    for line in lines:
        click.echo(line, file=console.file)
    show_table(
        console,
        ("step", "attempt", "seconds", "when", "outcome", "host", "why"),
        [
            (
                attempt.step,
                attempt.number,
                round(attempt.seconds, 2),
                _bar(attempt, found.seconds),
                attempt.outcome,
                attempt.host,
                _why(attempt),
            )
            for attempt in found.attempts
        ],
    )
    if found.folded:
        click.echo(
            f"{found.folded.count} more attempts succeeded at once: they took "
            f"{found.folded.median:.2f} s in the middle, {found.folded.slowest:.2f} s at most.",
            file=console.file,
        )
    if found.hosts:
        click.echo("", file=console.file)
        show_table(
            console,
            ("host", "fetches", "seconds", "slowest", "waited for its turn"),
            [
                (
                    host.host,
                    host.fetches,
                    round(host.seconds, 2),
                    round(host.slowest, 2),
                    round(host.waited, 2),
                )
                for host in found.hosts
            ],
        )


def _bar(attempt: Attempt, total: float) -> str:
    """Its place in the job's time, with a mark for what takes most of each of BAR_WIDTH parts."""
    cells = ["."] * BAR_WIDTH  # blanks would be stripped
    for segment in sorted(attempt.segments, key=lambda segment: segment.seconds):
        first = int(segment.start / total * BAR_WIDTH)
        last = int((segment.start + segment.seconds) / total * BAR_WIDTH)
        for place in range(min(first, BAR_WIDTH - 1), min(max(last, first + 1), BAR_WIDTH)):
            cells[place] = MARKS[segment.part]
    return "".join(cells)


def _why(attempt: Attempt) -> str | None:
    if attempt.detail is None:
        return None
    return printable(f"{attempt.reason}: {attempt.detail}" if attempt.reason else attempt.detail)
