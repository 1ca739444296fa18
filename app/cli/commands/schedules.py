"""`curator schedules`: jobs that are submitted again and again."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import click
import msgspec
from rich.console import Console

from app.cli.client import Schedule, ScheduleListing, ScheduleService, open_schedules
from app.cli.commands.submit import described_job, submit
from app.cli.context import LazyGroup, Surroundings, choice, print_json, service_options
from app.cli.exits import WrongUse
from app.cli.responses import Answer
from app.cli.tables import show_table
from app.cli.terminal import terminal

_PAGE = 100
_ONLY_OF_SUBMIT = {"depends_on", "not_before", "idempotency_key", "watch", "url", "as_json"}
_MISSED = ("run_once", "skip")

schedule_id_argument = click.argument("schedule_id", type=click.UUID)


@click.group(
    cls=LazyGroup,
    lazy={
        "add": ("app.cli.commands.schedules:add", "Add a schedule: when, and what to submit."),
        "list": ("app.cli.commands.schedules:list_schedules", "List schedules, newest first."),
        "show": (
            "app.cli.commands.schedules:show",
            "Print a schedule, and what came of its last run.",
        ),
        "remove": ("app.cli.commands.schedules:remove", "Remove schedules."),
    },
)
def schedules() -> None:
    """Submit jobs again and again, at the web service of CURATOR_URL."""


@click.command()
@click.argument("cron")
@click.option("--zone", "time_zone", metavar="ZONE", help="Where CRON is read, in place of UTC.")
@click.option("--name", help="For whoever reads the list.")
@click.option(
    "--missed",
    type=choice(_MISSED),
    help="What becomes of runs that nothing was up for: one job for all, or none.",
)
@service_options
@click.pass_obj
def add(
    around: Surroundings,
    /,
    cron: str,
    time_zone: str | None,
    name: str | None,
    missed: str | None,
    url: str | None,
    as_json: bool,
    **description: Any,
) -> None:
    """Add a schedule: a cron expression, and a job as for `jobs submit`.

    \b
    curator schedules add "30 7 * * 1-5" --zone Europe/Berlin --topic "artificial intelligence"
    curator schedules add "0 */6 * * *" --file urls.txt --missed skip --name "Every six hours"
    """
    given = {"cron": cron, "time_zone": time_zone, "name": name, "missed": missed}
    request: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    request["job"] = described_job(**description)
    with open_schedules(around, url) as service:
        added = service.add(request)
    if as_json:
        print_json(added.document)
    else:
        show_schedules(terminal(), [added.body])


add.params += [option for option in submit.params if option.name not in _ONLY_OF_SUBMIT]


@click.command("list")
@service_options
@click.pass_obj
def list_schedules(around: Surroundings, url: str | None, as_json: bool) -> None:
    """List schedules, newest first."""
    with open_schedules(around, url) as service:
        listing = _listing(service)
    if as_json:
        print_json(listing.document)
    else:
        show_schedules(terminal(), listing.body.schedules)


@click.command()
@schedule_id_argument
@service_options
@click.pass_obj
def show(around: Surroundings, schedule_id: uuid.UUID, url: str | None, as_json: bool) -> None:
    """Print a schedule, and what came of its last run. What it submits is in the JSON."""
    with open_schedules(around, url) as service:
        schedule = service.schedule(schedule_id)
    if as_json:
        print_json(schedule.document)
    else:
        show_schedule(terminal(), schedule.body)


@click.command()
@click.argument("schedule_ids", metavar="SCHEDULE_ID...", type=click.UUID, nargs=-1, required=True)
@service_options
@click.pass_obj
def remove(
    around: Surroundings, schedule_ids: tuple[uuid.UUID, ...], url: str | None, as_json: bool
) -> None:
    """Remove schedules. The jobs that they made stay.

    With --json, one line for each schedule that is removed.
    """
    refused = 0
    with open_schedules(around, url) as service:
        for schedule_id in schedule_ids:
            try:
                service.remove(schedule_id)
            except WrongUse as error:
                click.echo(f"{schedule_id}: {error.message}", err=True)
                refused += 1
                continue
            if as_json:
                told = {"schedule_id": schedule_id, "status": "removed"}
                print_json(msgspec.json.encode(told))
            else:
                click.echo(f"{schedule_id}  removed")
    if refused:
        raise WrongUse(f"{refused} of {len(schedule_ids)} schedules cannot be removed")


def show_schedules(console: Console, listed: Iterable[Schedule]) -> None:
    show_table(
        console,
        ("schedule", "cron", "zone", "type", "next run", "name", "last error"),
        [
            (
                str(one.schedule_id),
                one.cron,
                one.time_zone,
                one.type,
                one.next_run_at,
                one.name,
                one.last_error,
            )
            for one in listed
        ],
    )


def show_schedule(console: Console, one: Schedule) -> None:
    show_table(
        console,
        ("schedule", str(one.schedule_id)),
        [
            ("name", one.name),
            ("cron", one.cron),
            ("zone", one.time_zone),
            ("missed", one.missed),
            ("type", one.type),
            ("created", one.created_at),
            ("next run", one.next_run_at),
            ("last run", one.last_run_at),
            ("last job", one.last_job_id),
            ("last error", one.last_error),
        ],
    )


def _listing(service: ScheduleService) -> Answer[ScheduleListing]:
    """All pages, as one."""
    listed: list[Schedule] = []
    documents: list[Any] = []
    cursor = None
    while True:
        page = service.schedules(_PAGE, cursor)
        listed += page.body.schedules
        documents += msgspec.json.decode(page.document)["schedules"]
        cursor = page.body.next_cursor
        if cursor is None:
            break
    return Answer(
        ScheduleListing(schedules=tuple(listed)),
        msgspec.json.encode({"schedules": documents, "next_cursor": None}),
    )
