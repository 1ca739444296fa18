"""`curator workers`."""

from __future__ import annotations

import click

from app.cli.admin_client import open_admin
from app.cli.lazy import LazyGroup
from app.cli.options import print_json, service_options
from app.cli.surroundings import Surroundings
from app.cli.tables import show_table
from app.cli.terminal import terminal
from app.cli.text import printable


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("app.cli.workers:list_workers", "List the workers that were heard of lately."),
        "drain": ("app.cli.workers:drain", "Let a worker end what it runs, and then itself."),
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
