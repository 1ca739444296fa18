"""`curator queue`."""

from __future__ import annotations

import click

from app.cli.client import open_admin
from app.cli.context import LazyGroup, Surroundings, print_json, service_options
from app.cli.tables import show_table
from app.cli.terminal import printable, terminal


@click.group(
    cls=LazyGroup,
    lazy={
        "stats": (
            "app.cli.commands.queue:stats",
            "Print how much there is to do, and who does it.",
        ),
        "pause": ("app.cli.commands.queue:pause", "Let no step be taken until `resume`."),
        "resume": ("app.cli.commands.queue:resume", "Let steps be taken again."),
    },
)
def queue() -> None:
    """Look at the queue, pause it, let it go on, at the web service of CURATOR_URL."""


@click.command()
@service_options
@click.pass_obj
def stats(around: Surroundings, url: str | None, as_json: bool) -> None:
    """Print how much there is to do, and who does it."""
    with open_admin(around, url) as service:
        answer = service.queue()
    if as_json:
        print_json(answer.document)
        return
    told = answer.body
    show_table(
        terminal(),
        ("queue", "paused" if told.paused else "open"),
        [
            ("active jobs", str(told.active_jobs)),
            ("queued steps", str(told.queued)),
            *((f"wake-ups, {name}", str(count)) for name, count in told.wakeups.items()),
            ("running steps", str(told.running)),
            ("outstanding", str(told.outstanding)),
            ("oldest queued, s", told.oldest_queued_seconds),
            ("workers", str(told.workers)),
        ],
    )


@click.command()
@service_options
@click.pass_obj
def pause(around: Surroundings, url: str | None, as_json: bool) -> None:
    """Let no step be taken until `curator queue resume`.

    What runs goes on to its end; jobs can still be submitted.
    """
    with open_admin(around, url) as service:
        answer = service.pause()
    if as_json:
        print_json(answer.document)
    else:
        click.echo("The queue is paused.")


@click.command()
@service_options
@click.pass_obj
def resume(around: Surroundings, url: str | None, as_json: bool) -> None:
    """Let steps be taken again."""
    with open_admin(around, url) as service:
        answer = service.resume()
    if as_json:
        print_json(answer.document)
    else:
        click.echo("The queue goes on.")


@click.group(
    cls=LazyGroup,
    lazy={
        "list": (
            "app.cli.commands.queue:list_workers",
            "List the workers that were heard of lately.",
        ),
        "drain": (
            "app.cli.commands.queue:drain",
            "Let a worker end what it runs, and then itself.",
        ),
    },
)
def workers() -> None:
    """List the workers, and end one gently, at the web service of CURATOR_URL."""


@click.command("list")
@service_options
@click.pass_obj
def list_workers(around: Surroundings, url: str | None, as_json: bool) -> None:
    """List the workers that were heard of lately."""
    with open_admin(around, url) as service:
        listing = service.workers()
    if as_json:
        print_json(listing.document)
        return
    show_table(
        terminal(),
        ("worker", "running", "slots", "state", "heard of"),
        [
            (
                one.worker_id,
                one.running,
                one.slots,
                "draining" if one.draining else "open",
                one.seen_at,
            )
            for one in listing.body.workers
        ],
    )


@click.command()
@click.argument("worker_id")
@service_options
@click.pass_obj
def drain(around: Surroundings, worker_id: str, url: str | None, as_json: bool) -> None:
    """Let a worker end what it runs, take nothing more, and end."""
    with open_admin(around, url) as service:
        answer = service.drain(worker_id)
    if as_json:
        print_json(answer.document)
    else:
        click.echo(f"{printable(answer.body.worker_id)}  draining")
