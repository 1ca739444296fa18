"""`curator jobs submit` and `curator jobs watch`."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.api.models.jobs import StatusReport
from app.cli.client import ApiClient, ApiResponse, open_client
from app.cli.context import CliContext, client_options, fail_on_option
from app.cli.description import Moment, job_options, job_request
from app.cli.exits import JobUnsuccessful, ResultGone, Unreachable, check_outcome
from app.cli.ids import JOB_ID, find_job, job_id_argument
from app.cli.tables import show_result, show_status
from app.cli.terminal import print_json, terminal
from tasks.jobs.job import JobState
from tasks.settings import read_settings

_POLL_SECONDS = 0.5
_MAX_OUTAGE_SECONDS = 30.0
"""How long the server may be unreachable. It is restarted, or moved, within that time."""

T = TypeVar("T")
ShowProgress = Callable[[StatusReport], None]


@click.command()
@job_id_argument
@fail_on_option
@client_options
@click.pass_obj
def watch(
    context: CliContext, job_id: str, fail_on: str, server: str | None, as_json: bool
) -> None:
    """Follow a job until it ends, then print its result.

    Ctrl-C ends this command, not the job.
    """
    with open_client(context, server) as client:
        watch_to_end(client, find_job(client, job_id), context, fail_on=fail_on, as_json=as_json)


def watch_to_end(
    client: ApiClient, job_id: uuid.UUID, context: CliContext, *, fail_on: str, as_json: bool
) -> None:
    """Follows the job, and prints its result once it has ended. Ctrl-C is no error.

    Raises JobUnsuccessful, as `check_outcome` does.
    """
    try:
        with _progress(terminal(stderr=True)) as show_progress:
            for status in _statuses(client, job_id, context):
                show_progress(status.body)
    except KeyboardInterrupt:
        click.echo(
            f"The job keeps running; follow it again with `curator jobs watch {job_id}`.", err=True
        )
        return
    try:
        result = _patiently(context, lambda: client.job_result(job_id))
    except ResultGone as error:
        _show_ended(status, error, as_json=as_json)
        return
    if as_json:
        print_json(result.document)
    else:
        show_result(terminal(), result.body)
    check_outcome(result.body, fail_on)


def _show_ended(status: ApiResponse[StatusReport], error: ResultGone, *, as_json: bool) -> None:
    """The status of a job that ended so long ago that its result is gone."""
    if as_json:
        print_json(status.document)
    else:
        show_status(terminal(), status.body)
    click.echo(error.message, err=True)
    if status.body.state is not JobState.SUCCESS:
        raise JobUnsuccessful.of(status.body.state, status.body.error)


def _statuses(
    client: ApiClient, job_id: uuid.UUID, context: CliContext
) -> Iterator[ApiResponse[StatusReport]]:
    """Polls the status until the job has ended."""
    status = client.job_status(job_id)
    yield status
    while not status.body.state.final:
        context.sleep(_POLL_SECONDS)
        status = _patiently(context, lambda: client.job_status(job_id))
        yield status


def _patiently(context: CliContext, call: Callable[[], T]) -> T:
    """Repeats the call while a server that has responded before cannot be reached.

    Raises Unreachable once that has lasted too long.
    """
    began = context.clock()
    while True:
        try:
            return call()
        except Unreachable:
            if context.clock() - began > _MAX_OUTAGE_SECONDS:
                raise
        context.sleep(_POLL_SECONDS)


@contextmanager
def _progress(console: Console) -> Iterator[ShowProgress]:
    """A progress bar on a terminal, lines elsewhere."""
    if not console.is_terminal:
        yield _ProgressLines(console)
        return
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed{task.fields[retries]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("", total=None, failed=0, retries="")

        def update(job: StatusReport) -> None:
            bar.update(
                task,
                description=job.state,
                completed=job.current,
                total=job.total,
                failed=job.failed_count,
                retries=_retries(job),
            )

        yield update


class _ProgressLines:
    """Prints a line for each change of state, for each tenth of the articles, and when the first
    article waits for another try."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[str, int, bool] | None = None

    def __call__(self, job: StatusReport) -> None:
        tenths = job.current * 10 // job.total if job.total else 0
        progress = (job.state, tenths, bool(job.retrying))
        if progress == self._last:
            return
        self._last = progress
        settled = f" {job.current}/{job.total}, {job.failed_count} failed" if job.total else ""
        click.echo(f"{job.state}{settled}{_retries(job)}", file=self._console.file)


def _retries(job: StatusReport) -> str:
    """How many articles are tried again, and when the first of them; empty if none is."""
    if not job.retrying:
        return ""
    at = job.retrying[0].at.astimezone()
    return f", {job.retrying_count} to be tried again from {at:%H:%M:%S}"


@click.command()
@job_options
@click.option(
    "--depends-on",
    metavar="JOB_ID",
    multiple=True,
    type=JOB_ID,
    help="Start after this job has succeeded; can be repeated.",
)
@click.option(
    "--not-before",
    metavar="TIME",
    type=Moment(),
    help="Earliest start: 2026-03-01T08:30, in the local time zone if it has no offset.",
)
@click.option(
    "--idempotency-key",
    metavar="KEY",
    help="Submitting the same job with the same key again within 24 h returns the first job.",
)
@click.option("--watch", is_flag=True, help="Follow the job until it ends; print its result.")
@fail_on_option
@client_options
@click.pass_obj
def submit(
    context: CliContext,
    /,
    depends_on: tuple[str, ...],
    not_before: dt.datetime | None,
    idempotency_key: str | None,
    watch: bool,
    fail_on: str,
    server: str | None,
    as_json: bool,
    **description: Any,
) -> None:
    """Submit a job: a topic, or URLs.

    \b
    curator jobs submit --topic "artificial intelligence" --max-articles 10 --watch
    curator jobs submit https://example.com/one https://example.com/two --query tides
    curator jobs submit --file urls.txt --priority low
    curator jobs submit --type health_check --watch

    One URL makes a single_analysis; several URLs, or a file, make a batch_analysis. With
    TASKS_EAGER=1 the job runs in this process, without a server, and its result is printed.
    """
    request = job_request(**description)
    if depends_on:
        request["depends_on"] = list(depends_on)
    if not_before:
        request["not_before"] = not_before.isoformat()
    settings = read_settings(context.environ)
    if settings.tasks_eager:
        from app.cli.eager import run_job

        run_job(request, settings, fail_on=fail_on, as_json=as_json)
        return
    if fail_on != "job" and not watch:
        raise click.UsageError("--fail-on needs --watch: the outcome is not known before the end.")
    with open_client(context, server) as client:
        if depends_on:  # they may be shortened
            request["depends_on"] = [str(find_job(client, job_id)) for job_id in depends_on]
        submitted = client.submit_job(request, idempotency_key)
        job_id = uuid.UUID(submitted.body.job_id)
        if watch:
            watch_to_end(client, job_id, context, fail_on=fail_on, as_json=as_json)
        elif as_json:
            print_json(submitted.document)
        else:
            click.echo(f"{job_id}  {submitted.body.type} submitted")
            click.echo(f"Follow it: curator jobs watch {job_id}", err=True)
            click.echo(f"Its page:  {client.job_page_url(job_id)}", err=True)
