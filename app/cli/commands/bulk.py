"""`curator jobs cancel`, `retry`, `rerun` and `purge`: by id, or in bulk by state and type."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import msgspec

from app.api.models.jobs import Cancellation, JobRetried
from app.cli.client import ApiClient, ApiResponse, BulkOperation, open_client
from app.cli.context import CliContext, Command, choice, client_options, job_types_option
from app.cli.description import Duration
from app.cli.exits import Interrupted, InvalidUsage
from app.cli.ids import JOB_ID, find_job
from app.cli.terminal import print_json
from tasks.jobs.job import ACTIVE_STATES, FINAL_STATES, JobState
from tasks.jobs.record import BulkOutcome

_Response = ApiResponse[Cancellation] | ApiResponse[JobRetried] | ApiResponse[BulkOutcome]

_yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def _state_option(states: Sequence[JobState], default: str) -> Callable[[Command], Command]:
    return click.option(
        "--state",
        "states",
        multiple=True,
        type=choice(states),
        help=f"Only jobs in this state; can be repeated.  [default: {default}]",
    )


def _ids_or_all(command: Command) -> Command:
    """Adds JOB_ID... and --all."""
    ids = click.argument("job_ids", metavar="[JOB_ID]...", type=JOB_ID, nargs=-1)
    all_option = click.option(
        "--all", "everything", is_flag=True, help="All jobs, or all of the given states and types."
    )
    return ids(all_option(command))


@click.command()
@_ids_or_all
@_state_option(ACTIVE_STATES, "all that have not ended")
@job_types_option
@_yes_option
@client_options
@click.pass_obj
def cancel(
    context: CliContext,
    /,
    job_ids: tuple[str, ...],
    everything: bool,
    yes: bool,
    server: str | None,
    as_json: bool,
    **filters: tuple[str, ...],
) -> None:
    """Cancel jobs. The articles that are already analysed stay readable.

    With ids and --json, print one line for each job that is cancelled.
    """
    selection = _selection(job_ids, everything, **filters)
    with open_client(context, server) as client:
        if selection is None:
            _apply_to_each(client, job_ids, client.cancel_job, "cancelled", as_json=as_json)
            return
        if _asks(context, yes):
            _confirm(client, selection, ACTIVE_STATES, "Cancel {}?")
        _apply_to_all(client, "cancel", selection, as_json=as_json)


@click.command()
@_ids_or_all
@_state_option(FINAL_STATES, "those that ended in FAILURE")
@job_types_option
@client_options
@click.pass_obj
def retry(
    context: CliContext,
    /,
    job_ids: tuple[str, ...],
    everything: bool,
    server: str | None,
    as_json: bool,
    **filters: tuple[str, ...],
) -> None:
    """Retry jobs, each in a new job.

    A FAILURE or REVOKED job is run again with the same parameters. A SUCCESS is retried with its
    failed articles alone. With --all, each job is retried at most once in 24 h, however often the
    command runs; later runs omit it.

    With ids and --json, print one line for each new job.
    """
    selection = _selection(job_ids, everything, **filters)
    with open_client(context, server) as client:
        if selection is None:
            _apply_to_each(client, job_ids, client.retry_job, "retried", as_json=as_json)
        else:
            _apply_to_all(client, "retry", selection, as_json=as_json)


@click.command()
@click.argument("job_ids", metavar="JOB_ID...", type=JOB_ID, nargs=-1, required=True)
@client_options
@click.pass_obj
def rerun(context: CliContext, job_ids: tuple[str, ...], server: str | None, as_json: bool) -> None:
    """Run jobs that have ended again, each as a new job with the same parameters.

    It does not matter how a job ended, nor whether its result is still kept.

    With --json, print one line for each new job.
    """
    with open_client(context, server) as client:
        _apply_to_each(client, job_ids, client.rerun_job, "run again", as_json=as_json)


@click.command()
@_ids_or_all
@_state_option(FINAL_STATES, "all that have ended")
@job_types_option
@click.option(
    "--older-than",
    metavar="DURATION",
    type=Duration(),
    default=None,
    help="Only jobs that ended at least this long ago: 90 (seconds), 15m, 12h, 7d.",
)
@_yes_option
@client_options
@click.pass_obj
def purge(
    context: CliContext,
    /,
    job_ids: tuple[str, ...],
    everything: bool,
    older_than: float | None,
    yes: bool,
    server: str | None,
    as_json: bool,
    **filters: tuple[str, ...],
) -> None:
    """Delete jobs that have ended, with their results, before they expire.

    With ids and --json, print one line for each job that is deleted.
    """
    selection = _selection(job_ids, everything, **filters)
    if older_than is not None:
        if selection is None:
            raise click.UsageError("--older-than can be used with --all only.")
        selection["older_than_seconds"] = older_than
    with open_client(context, server) as client:
        if selection is None:
            _apply_to_each(client, job_ids, client.purge_job, "purged", as_json=as_json)
            return
        if _asks(context, yes):
            _confirm(client, selection, FINAL_STATES, "Delete {} and their results?")
        _apply_to_all(client, "purge", selection, as_json=as_json)


def _selection(
    job_ids: Sequence[str], everything: bool, **filters: tuple[str, ...]
) -> dict[str, Any] | None:
    """None if jobs are given by id. Raises click.UsageError if ids and --all conflict."""
    if everything == bool(job_ids):
        raise click.UsageError("Give either job ids or --all.")
    if job_ids and any(filters.values()):
        raise click.UsageError("--state and --type can be used with --all only.")
    return _filters(**filters) if everything else None


def _filters(*, states: tuple[str, ...], types: tuple[str, ...]) -> dict[str, Any]:
    filters = {"state": states, "type": types}
    return {name: values for name, values in filters.items() if values}


def _asks(context: CliContext, yes: bool) -> bool:
    return not yes and context.interactive()


def _confirm(
    client: ApiClient, selection: Mapping[str, Any], states: Sequence[JobState], question: str
) -> None:
    """Asks whether to go on with as many jobs as there are. Raises Interrupted if not."""
    count = _count(client, selection, states)
    if count == 0:
        return
    jobs = "1 job" if count == 1 else f"{count} jobs"
    if not click.confirm(question.format(jobs), err=True):
        raise Interrupted("nothing was changed")


def _count(client: ApiClient, selection: Mapping[str, Any], states: Sequence[JobState]) -> int:
    """How many jobs the selection has now; `states` are those of a selection without states."""
    listed = client.list_jobs(selection.get("state", states), selection.get("type", ()), None)
    age = dt.timedelta(seconds=selection.get("older_than_seconds", 0))
    latest = dt.datetime.now(dt.UTC) - age
    return sum(not job.finished_at or job.finished_at <= latest for job in listed.body.jobs)


def _apply_to_each(
    client: ApiClient,
    job_ids: Sequence[str],
    operation: Callable[[uuid.UUID], _Response],
    participle: str,
    *,
    as_json: bool,
) -> None:
    """Continues after a refusal. Raises InvalidUsage at the end if there was one."""
    refused = 0
    for job_id in job_ids:
        try:
            response = operation(find_job(client, job_id))
        except InvalidUsage as error:
            click.echo(f"{job_id}: {error.message}", err=True)
            refused += 1
            continue
        if as_json:
            print_json(response.document)
        else:
            click.echo(_line(response.body))
    if refused:
        raise InvalidUsage(f"{refused} of {len(job_ids)} jobs cannot be {participle}")


def _apply_to_all(
    client: ApiClient, operation: BulkOperation, selection: Mapping[str, Any], *, as_json: bool
) -> None:
    documents: list[Any] = []
    count = 0
    for page in client.apply_to_jobs(operation, selection):
        count += len(page.body.jobs)
        if as_json:
            documents += msgspec.json.decode(page.document)["jobs"]
            continue
        for job in page.body.jobs:
            click.echo(_line(job))
    if as_json:
        print_json(msgspec.json.encode({"jobs": documents}))
    elif count == 0:
        click.echo("There are no such jobs.", err=True)


def _line(job: Cancellation | JobRetried | BulkOutcome) -> str:
    original = None if isinstance(job, Cancellation) else job.replayed_from
    return f"{job.job_id}  {job.status}" + (f"  retries {original}" if original else "")
