"""`curator jobs cancel`, `retry` and `purge`: one job, several, or all of a kind."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
import msgspec

from app.cli.client import AdminService, Operation, open_admin
from app.cli.context import SPAN, Surroundings, choice, print_json, service_options
from app.cli.exits import Interrupted, WrongUse
from app.cli.responses import Answer, Handled
from tasks.jobs.job import ACTIVE_STATES, FINAL_STATES, JobState, JobType

Command = TypeVar("Command", bound=Callable[..., Any])

_yes = click.option("--yes", is_flag=True, help="Do not ask, though this is a terminal.")
_types = click.option(
    "--type",
    "types",
    multiple=True,
    type=choice(JobType),
    help="Only jobs of this type; may be given again.",
)


def _states(states: Sequence[JobState], without: str) -> Callable[[Command], Command]:
    return click.option(
        "--state",
        "states",
        multiple=True,
        type=choice(states),
        help=f"Only jobs in this state; may be given again. Without: {without}.",
    )


def _jobs_or_all(command: Command) -> Command:
    """Adds JOB_ID... and --all."""
    ids = click.argument("job_ids", metavar="[JOB_ID]...", type=click.UUID, nargs=-1)
    return ids(click.option("--all", "everything", is_flag=True, help="All there are.")(command))


@click.command()
@_jobs_or_all
@_states(ACTIVE_STATES, "all that have not ended")
@_types
@_yes
@service_options
@click.pass_obj
def cancel(
    around: Surroundings,
    /,
    job_ids: tuple[uuid.UUID, ...],
    everything: bool,
    yes: bool,
    url: str | None,
    as_json: bool,
    **kinds: tuple[str, ...],
) -> None:
    """Cancel jobs. What has been analysed by then stays readable.

    With ids and --json, one line for each job that is cancelled.
    """
    selection = _selection(job_ids, everything, **kinds)
    with open_admin(around, url) as service:
        if selection is None:
            _one_by_one(job_ids, service.cancel, "cancelled", as_json=as_json)
            return
        _confirm(around, "Cancel all these jobs?", yes=yes)
        _all(service, "cancel", selection, as_json=as_json)


@click.command()
@_jobs_or_all
@_states(FINAL_STATES, "those that ended in FAILURE")
@_types
@service_options
@click.pass_obj
def retry(
    around: Surroundings,
    /,
    job_ids: tuple[uuid.UUID, ...],
    everything: bool,
    url: str | None,
    as_json: bool,
    **kinds: tuple[str, ...],
) -> None:
    """Try again what failed in jobs: their failed articles, each in a new job.

    A job that failed before it had articles is tried again as a whole. With --all, a job is
    retried once in 24 h, however often this is called.

    With ids and --json, one line for each new job.
    """
    selection = _selection(job_ids, everything, **kinds)
    with open_admin(around, url) as service:
        if selection is None:
            _one_by_one(job_ids, service.retry, "retried", as_json=as_json)
        else:
            _all(service, "retry", selection, as_json=as_json)


@click.command()
@_states(FINAL_STATES, "all that have ended")
@_types
@click.option(
    "--older-than",
    metavar="TIME",
    type=SPAN,
    default=None,
    help="Only jobs that ended at least that long ago: 90 (seconds), 15m, 12h, 7d.",
)
@_yes
@service_options
@click.pass_obj
def purge(
    around: Surroundings,
    /,
    older_than: float | None,
    yes: bool,
    url: str | None,
    as_json: bool,
    **kinds: tuple[str, ...],
) -> None:
    """Forget jobs that have ended, with their results, before their time."""
    selection: dict[str, Any] = _kinds(**kinds)
    if older_than is not None:
        selection["older_than_seconds"] = older_than
    with open_admin(around, url) as service:
        _confirm(around, "Forget all these jobs, and their results?", yes=yes)
        _all(service, "purge", selection, as_json=as_json)


def _selection(
    job_ids: Sequence[uuid.UUID], everything: bool, **kinds: tuple[str, ...]
) -> dict[str, Any] | None:
    """None for the jobs that are named. Raises click.UsageError for both, or for neither."""
    if everything == bool(job_ids):
        raise click.UsageError("Name the jobs, or give --all.")
    if job_ids and any(kinds.values()):
        raise click.UsageError("--state and --type go with --all only.")
    return _kinds(**kinds) if everything else None


def _kinds(*, states: tuple[str, ...], types: tuple[str, ...]) -> dict[str, Any]:
    given = {"state": states, "type": types}
    return {name: words for name, words in given.items() if words}


def _confirm(around: Surroundings, question: str, *, yes: bool) -> None:
    if yes or not around.asked():
        return
    if not click.confirm(question, err=True):
        raise Interrupted("nothing was done")


def _one_by_one(
    job_ids: Sequence[uuid.UUID],
    handle: Callable[[uuid.UUID], Answer[Handled]],
    done: str,
    *,
    as_json: bool,
) -> None:
    refused = 0
    for job_id in job_ids:
        try:
            answer = handle(job_id)
        except WrongUse as error:
            click.echo(f"{job_id}: {error.message}", err=True)
            refused += 1
            continue
        if as_json:
            print_json(answer.document)
        else:
            click.echo(_line(answer.body))
    if refused:
        raise WrongUse(f"{refused} of {len(job_ids)} jobs cannot be {done}")


def _all(
    service: AdminService, operation: Operation, selection: Mapping[str, Any], *, as_json: bool
) -> None:
    documents: list[Any] = []
    count = 0
    for page in service.handle(operation, selection):
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


def _line(job: Handled) -> str:
    of = f"  retries {job.replayed_from}" if job.replayed_from else ""
    return f"{job.job_id}  {job.status}{of}"
