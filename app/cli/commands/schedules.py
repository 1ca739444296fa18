"""`curator schedules`: submissions that are repeated at the times of a cron expression."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
import msgspec
from rich.console import Console

from app.api.models.schedules import ScheduleSummary
from app.cli.client import open_client
from app.cli.context import CliContext, LazyGroup, choice, client_options
from app.cli.description import job_options, job_request
from app.cli.exits import InvalidUsage
from app.cli.ids import SCHEDULE_ID, find_schedule, schedule_id_argument
from app.cli.tables import show_table
from app.cli.terminal import print_json, terminal
from tasks.schedules.schedule import Missed


@click.group(
    cls=LazyGroup,
    lazy={
        "add": ("app.cli.commands.schedules:add", "Add a schedule: when, and what to submit."),
        "list": ("app.cli.commands.schedules:list_schedules", "List schedules, newest first."),
        "show": (
            "app.cli.commands.schedules:show",
            "Print a schedule, and the outcome of its last run.",
        ),
        "remove": ("app.cli.commands.schedules:remove", "Remove schedules."),
    },
)
def schedules() -> None:
    """Submit jobs at regular times, on the web service at CURATOR_URL."""


@click.command()
@click.argument("cron")
@click.option("--zone", "time_zone", metavar="ZONE", help="Time zone of CRON.  [default: UTC]")
@click.option("--name", help="A name to show in the list.")
@click.option(
    "--missed",
    type=choice(Missed),
    help="How to make up for missed runs: one job for all of them, or none.",
)
@job_options
@client_options
@click.pass_obj
def add(
    context: CliContext,
    /,
    cron: str,
    time_zone: str | None,
    name: str | None,
    missed: str | None,
    server: str | None,
    as_json: bool,
    **description: Any,
) -> None:
    """Add a schedule: a cron expression, and a job as for `jobs submit`.

    \b
    curator schedules add "30 7 * * 1-5" --zone Europe/Berlin --topic "artificial intelligence"
    curator schedules add "0 */6 * * *" --file urls.txt --missed skip --name "Every six hours"
    """
    fields = {"cron": cron, "time_zone": time_zone, "name": name, "missed": missed}
    request: dict[str, Any] = {key: value for key, value in fields.items() if value is not None}
    request["job"] = job_request(**description)
    with open_client(context, server) as client:
        added = client.add_schedule(request)
    if as_json:
        print_json(added.document)
    else:
        _show_schedules(terminal(), [added.body])


@click.command("list")
@client_options
@click.pass_obj
def list_schedules(context: CliContext, server: str | None, as_json: bool) -> None:
    """List schedules, newest first."""
    with open_client(context, server) as client:
        listing = client.list_schedules()
    if as_json:
        print_json(listing.document)
    else:
        _show_schedules(terminal(), listing.body.schedules)


@click.command()
@schedule_id_argument
@client_options
@click.pass_obj
def show(context: CliContext, schedule_id: str, server: str | None, as_json: bool) -> None:
    """Print a schedule, and the outcome of its last run.

    Only --json prints the job that it submits.
    """
    with open_client(context, server) as client:
        schedule = client.schedule(find_schedule(client, schedule_id))
    if as_json:
        print_json(schedule.document)
    else:
        _show_schedule(terminal(), schedule.body)


@click.command()
@click.argument("schedule_ids", metavar="SCHEDULE_ID...", type=SCHEDULE_ID, nargs=-1, required=True)
@client_options
@click.pass_obj
def remove(
    context: CliContext, schedule_ids: tuple[str, ...], server: str | None, as_json: bool
) -> None:
    """Remove schedules. The jobs they have submitted stay.

    With --json, print one line for each schedule that is removed.
    """
    refused = 0
    with open_client(context, server) as client:
        for schedule_id in schedule_ids:
            try:
                found = find_schedule(client, schedule_id)
                client.remove_schedule(found)
            except InvalidUsage as error:
                click.echo(f"{schedule_id}: {error.message}", err=True)
                refused += 1
                continue
            if as_json:
                removed = {"schedule_id": found, "status": "removed"}
                print_json(msgspec.json.encode(removed))
            else:
                click.echo(f"{found}  removed")
    if refused:
        raise InvalidUsage(f"{refused} of {len(schedule_ids)} schedules cannot be removed")


def _show_schedules(console: Console, listing: Iterable[ScheduleSummary]) -> None:
    show_table(
        console,
        ("schedule", "cron", "zone", "type", "next run", "name", "last error"),
        [
            (
                schedule.schedule_id,
                schedule.cron,
                schedule.time_zone,
                schedule.type,
                schedule.next_run_at,
                schedule.name,
                _last_error(schedule),
            )
            for schedule in listing
        ],
    )


def _show_schedule(console: Console, schedule: ScheduleSummary) -> None:
    show_table(
        console,
        ("schedule", schedule.schedule_id),
        [
            ("name", schedule.name),
            ("cron", schedule.cron),
            ("zone", schedule.time_zone),
            ("missed", schedule.missed),
            ("type", schedule.type),
            ("created", schedule.created_at),
            ("next run", schedule.next_run_at),
            ("last run", schedule.last_run_at),
            ("last job", schedule.last_job_id),
            ("last error", _last_error(schedule)),
        ],
    )


def _last_error(schedule: ScheduleSummary) -> str | None:
    return schedule.last_error.detail if schedule.last_error else None
