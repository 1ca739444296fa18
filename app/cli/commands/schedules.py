"""`curator schedules`: submissions that are repeated at the times of a cron expression."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console

from app.api.models.schedules import ScheduleSummary
from app.cli.client import ApiClient, open_client
from app.cli.context import CliContext, Command, LazyGroup, choice, client_options
from app.cli.description import edited_job, job_options, job_request
from app.cli.exits import InvalidUsage
from app.cli.ids import find_schedule, schedule_id_argument, schedule_ids_argument
from app.cli.tables import listed_id, show_table
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
        "edit": ("app.cli.commands.schedules:edit", "Change when a schedule runs, or its job."),
        "pause": ("app.cli.commands.schedules:pause", "Let schedules make no jobs for a while."),
        "resume": ("app.cli.commands.schedules:resume", "Let paused schedules make jobs again."),
        "run": ("app.cli.commands.schedules:run", "Submit the job of a schedule now."),
        "remove": ("app.cli.commands.schedules:remove", "Remove schedules."),
    },
)
def schedules() -> None:
    """Submit jobs at regular times, on the web service at CURATOR_URL."""


_Done = tuple[bytes, str]
"""What was done to a schedule: as JSON, and as a line."""


def _timing_options(command: Command) -> Command:
    """Adds --zone, --name and --missed."""
    zone = click.option("--zone", "time_zone", metavar="ZONE", help="Time zone of the cron times.")
    name = click.option("--name", help="A name to show in the list.")
    missed = click.option(
        "--missed",
        type=choice(Missed),
        help="How to make up for missed runs: one job for all of them, or none.",
    )
    return zone(name(missed(command)))


@click.command()
@click.argument("cron")
@_timing_options
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

    Only --json prints all of the job that it submits.
    """
    with open_client(context, server) as client:
        schedule = client.schedule(find_schedule(client, schedule_id))
    if as_json:
        print_json(schedule.document)
    else:
        _show_schedule(terminal(), schedule.body)


@click.command()
@schedule_id_argument
@click.option("--cron", help="When it runs.")
@_timing_options
@job_options
@client_options
@click.pass_obj
def edit(
    context: CliContext,
    /,
    schedule_id: str,
    cron: str | None,
    time_zone: str | None,
    name: str | None,
    missed: str | None,
    server: str | None,
    as_json: bool,
    **description: Any,
) -> None:
    """Change when a schedule runs, or the job that it submits.

    \b
    curator schedules edit ID --cron "0 6 * * *" --name "Early reading"
    curator schedules edit ID --topic "solar power" --max-articles 10
    curator schedules edit ID --deadline 10m

    A topic or URLs replace the whole job. Other options of a job change only themselves. An empty
    --name removes the name.
    """
    fields = {"cron": cron, "time_zone": time_zone, "missed": missed, "name": name}
    changes: dict[str, Any] = {key: value for key, value in fields.items() if value is not None}
    if name == "":
        changes["name"] = None
    with open_client(context, server) as client:
        known_id = find_schedule(client, schedule_id)
        current = msgspec.json.decode(client.schedule(known_id).document)["job"]
        job = edited_job(current, description)
        if job is not None:
            changes["job"] = job
        if not changes:
            raise click.UsageError("Give what to change.")
        changed = client.change_schedule(known_id, changes)
    if as_json:
        print_json(changed.document)
    else:
        _show_schedule(terminal(), changed.body)


@click.command()
@schedule_ids_argument
@client_options
@click.pass_obj
def pause(
    context: CliContext, schedule_ids: tuple[str, ...], server: str | None, as_json: bool
) -> None:
    """Let schedules make no jobs until they are resumed.

    With --json, print one line for each schedule.
    """
    _apply_to_each(context, server, schedule_ids, _pause, "paused", as_json=as_json)


@click.command()
@schedule_ids_argument
@client_options
@click.pass_obj
def resume(
    context: CliContext, schedule_ids: tuple[str, ...], server: str | None, as_json: bool
) -> None:
    """Let paused schedules make jobs again. The runs in between are not made up.

    With --json, print one line for each schedule.
    """
    _apply_to_each(context, server, schedule_ids, _resume, "resumed", as_json=as_json)


@click.command()
@schedule_ids_argument
@client_options
@click.pass_obj
def run(
    context: CliContext, schedule_ids: tuple[str, ...], server: str | None, as_json: bool
) -> None:
    """Submit the jobs of schedules now, also of paused ones. Their next runs stay.

    With --json, print one line for each job.
    """
    _apply_to_each(context, server, schedule_ids, _run, "run", as_json=as_json)


@click.command()
@schedule_ids_argument
@client_options
@click.pass_obj
def remove(
    context: CliContext, schedule_ids: tuple[str, ...], server: str | None, as_json: bool
) -> None:
    """Remove schedules. The jobs they have submitted stay.

    With --json, print one line for each schedule that is removed.
    """
    _apply_to_each(context, server, schedule_ids, _remove, "removed", as_json=as_json)


def _pause(client: ApiClient, schedule_id: uuid.UUID) -> _Done:
    return client.pause_schedule(schedule_id).document, f"{schedule_id}  paused"


def _resume(client: ApiClient, schedule_id: uuid.UUID) -> _Done:
    return client.resume_schedule(schedule_id).document, f"{schedule_id}  resumed"


def _run(client: ApiClient, schedule_id: uuid.UUID) -> _Done:
    job = client.run_schedule(schedule_id)
    return job.document, f"{job.body.job_id}  submitted"


def _remove(client: ApiClient, schedule_id: uuid.UUID) -> _Done:
    client.remove_schedule(schedule_id)
    removed = {"schedule_id": schedule_id, "status": "removed"}
    return msgspec.json.encode(removed), f"{schedule_id}  removed"


def _apply_to_each(
    context: CliContext,
    server: str | None,
    schedule_ids: Sequence[str],
    apply: Callable[[ApiClient, uuid.UUID], _Done],
    participle: str,
    *,
    as_json: bool,
) -> None:
    """Continues after a refusal. Raises InvalidUsage at the end if there was one."""
    refused = 0
    with open_client(context, server) as client:
        for schedule_id in schedule_ids:
            try:
                document, line = apply(client, find_schedule(client, schedule_id))
            except InvalidUsage as error:
                click.echo(f"{schedule_id}: {error.message}", err=True)
                refused += 1
                continue
            if as_json:
                print_json(document)
            else:
                click.echo(line)
    if refused:
        raise InvalidUsage(f"{refused} of {len(schedule_ids)} schedules cannot be {participle}")


def _show_schedules(console: Console, listing: Iterable[ScheduleSummary]) -> None:
    show_table(
        console,
        ("schedule", "cron", "zone", "type", "next run", "name", "about", "last error"),
        [
            (
                listed_id(console, schedule.schedule_id),
                schedule.cron,
                schedule.time_zone,
                schedule.type,
                _next_run(schedule),
                schedule.name,
                _about(schedule),
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
            ("about", _about(schedule)),
            ("created", schedule.created_at),
            ("next run", _next_run(schedule)),
            ("last run", schedule.last_run_at),
            ("last job", schedule.last_job_id),
            ("last error", _last_error(schedule)),
        ],
    )


def _last_error(schedule: ScheduleSummary) -> str | None:
    return schedule.last_error.detail if schedule.last_error else None


def _next_run(schedule: ScheduleSummary) -> dt.datetime | str | None:
    return "paused" if schedule.paused else schedule.next_run_at


def _about(schedule: ScheduleSummary) -> str | None:
    """The topic, the query or the first URL, with the number of URLs."""
    if not schedule.urls_count:
        return schedule.about
    urls = "1 URL" if schedule.urls_count == 1 else f"{schedule.urls_count} URLs"
    return f"{schedule.about} ({urls})"
