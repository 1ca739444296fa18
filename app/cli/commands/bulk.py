"""`curator jobs cancel`, `retry` and `purge`: by id, or in bulk by state and type."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import msgspec

from app.api.models.jobs import Cancellation, JobRetried
from app.cli.client import ApiClient, ApiResponse, BulkOperation, open_client
from app.cli.context import CliContext, Command, choice, client_options, job_types_option
from app.cli.exits import Interrupted, InvalidUsage
from app.cli.terminal import print_json
from tasks.jobs.job import ACTIVE_STATES, FINAL_STATES, JobState
from tasks.jobs.record import BulkOutcome

_yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


class _Duration(click.ParamType[float]):
    """A duration in seconds, or with its unit: 90, 15m, 12h, 7d."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        parts = re.fullmatch(r"([0-9]{1,9})([smhd]?)", value)
        if parts is None:
            self.fail(f"{value!r} is not a duration such as 90, 15m, 12h or 7d.", param, ctx)
        return float(parts[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[parts[2]]


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
    ids = click.argument("job_ids", metavar="[JOB_ID]...", type=click.UUID, nargs=-1)
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
    job_ids: tuple[uuid.UUID, ...],
    everything: bool,
    yes: bool,
    url: str | None,
    as_json: bool,
    **filters: tuple[str, ...],
) -> None:
    """Cancel jobs. The articles that are already analysed stay readable.

    With ids and --json, print one line for each job that is cancelled.
    """
    selection = _selection(job_ids, everything, **filters)
    with open_client(context, url) as client:
        if selection is None:
            _apply_to_each(job_ids, client.cancel_job, "cancelled", as_json=as_json)
            return
        _confirm(context, "Cancel all these jobs?", yes=yes)
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
    job_ids: tuple[uuid.UUID, ...],
    everything: bool,
    url: str | None,
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
    with open_client(context, url) as client:
        if selection is None:
            _apply_to_each(job_ids, client.retry_job, "retried", as_json=as_json)
        else:
            _apply_to_all(client, "retry", selection, as_json=as_json)


@click.command()
@_state_option(FINAL_STATES, "all that have ended")
@job_types_option
@click.option(
    "--older-than",
    metavar="DURATION",
    type=_Duration(),
    default=None,
    help="Only jobs that ended at least this long ago: 90 (seconds), 15m, 12h, 7d.",
)
@_yes_option
@client_options
@click.pass_obj
def purge(
    context: CliContext,
    /,
    older_than: float | None,
    yes: bool,
    url: str | None,
    as_json: bool,
    **filters: tuple[str, ...],
) -> None:
    """Delete jobs that have ended, with their results, before they expire."""
    selection: dict[str, Any] = _filters(**filters)
    if older_than is not None:
        selection["older_than_seconds"] = older_than
    with open_client(context, url) as client:
        _confirm(context, "Delete all these jobs and their results?", yes=yes)
        _apply_to_all(client, "purge", selection, as_json=as_json)


def _selection(
    job_ids: Sequence[uuid.UUID], everything: bool, **filters: tuple[str, ...]
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


def _confirm(context: CliContext, question: str, *, yes: bool) -> None:
    if yes or not context.interactive():
        return
    if not click.confirm(question, err=True):
        raise Interrupted("nothing was changed")


def _apply_to_each(
    job_ids: Sequence[uuid.UUID],
    operation: Callable[[uuid.UUID], ApiResponse[Cancellation] | ApiResponse[JobRetried]],
    participle: str,
    *,
    as_json: bool,
) -> None:
    """Continues after a refusal. Raises InvalidUsage at the end if there was one."""
    refused = 0
    for job_id in job_ids:
        try:
            response = operation(job_id)
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
