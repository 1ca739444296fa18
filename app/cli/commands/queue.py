"""`curator queue` and `curator workers`."""

from __future__ import annotations

import click

from app.api.models.admin import Worker
from app.cli.client import open_client
from app.cli.context import CliContext, LazyGroup, client_options
from app.cli.tables import show_table
from app.cli.terminal import print_json, printable, terminal


@click.group(
    cls=LazyGroup,
    lazy={
        "stats": ("app.cli.commands.queue:stats", "Print queue lengths, running steps, workers."),
        "pause": ("app.cli.commands.queue:pause", "Stop workers from taking steps."),
        "resume": ("app.cli.commands.queue:resume", "Let workers take steps again."),
    },
)
def queue() -> None:
    """Inspect, pause and resume the queue, on the web service at CURATOR_URL."""


@click.command()
@client_options
@click.pass_obj
def stats(context: CliContext, server: str | None, as_json: bool) -> None:
    """Print the lengths of the queue, and the numbers of running steps and workers."""
    with open_client(context, server) as client:
        response = client.queue()
    if as_json:
        print_json(response.document)
        return
    report = response.body
    show_table(
        terminal(),
        ("queue", "paused" if report.paused else "open"),
        [
            ("active jobs", str(report.active_job_count)),
            ("queued steps", str(report.queued_count)),
            ("ready steps", str(report.ready_count)),
            ("running steps", str(report.running_count)),
            ("outstanding", str(report.outstanding_count)),
            ("oldest queued, s", report.oldest_queued_seconds),
            ("workers", str(report.worker_count)),
        ],
    )


@click.command()
@client_options
@click.pass_obj
def pause(context: CliContext, server: str | None, as_json: bool) -> None:
    """Stop workers from taking steps, until `curator queue resume`.

    Running steps finish; jobs can still be submitted.
    """
    with open_client(context, server) as client:
        response = client.pause_queue()
    if as_json:
        print_json(response.document)
    else:
        click.echo("The queue is paused.")


@click.command()
@client_options
@click.pass_obj
def resume(context: CliContext, server: str | None, as_json: bool) -> None:
    """Let workers take steps again."""
    with open_client(context, server) as client:
        response = client.resume_queue()
    if as_json:
        print_json(response.document)
    else:
        click.echo("The queue is resumed.")


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("app.cli.commands.queue:list_workers", "List the workers seen recently."),
        "drain": ("app.cli.commands.queue:drain", "Let a worker finish its steps and exit."),
    },
)
def workers() -> None:
    """List workers, and drain one, on the web service at CURATOR_URL."""


@click.command("list")
@client_options
@click.pass_obj
def list_workers(context: CliContext, server: str | None, as_json: bool) -> None:
    """List the workers seen recently."""
    with open_client(context, server) as client:
        listing = client.list_workers()
    if as_json:
        print_json(listing.document)
        return
    show_table(
        terminal(),
        ("worker", "running", "slots", "state", "metrics port", "last seen"),
        [
            (
                worker.worker_id,
                worker.running_count,
                worker.slot_count,
                _worker_state(worker),
                "" if worker.metrics_port is None else str(worker.metrics_port),
                worker.seen_at,
            )
            for worker in listing.body.workers
        ],
    )


@click.command()
@click.argument("worker_id")
@client_options
@click.pass_obj
def drain(context: CliContext, worker_id: str, server: str | None, as_json: bool) -> None:
    """Let a worker finish its running steps, take no more, and exit."""
    with open_client(context, server) as client:
        response = client.drain_worker(worker_id)
    if as_json:
        print_json(response.document)
    else:
        state = "draining"
        if response.body.silent:
            state = "silent: it has missed its last reports, and drains if it still runs"
        click.echo(f"{printable(response.body.worker_id)}  {state}")


def _worker_state(worker: Worker) -> str:
    if worker.silent:
        return "silent"
    return "draining" if worker.draining else "open"
