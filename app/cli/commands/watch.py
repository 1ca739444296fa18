"""`curator jobs watch`: follows a job until it ends."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.api.models.jobs import StatusReport
from app.cli.client import ApiClient, ApiResponse, open_client
from app.cli.context import CliContext, client_options, job_id_argument
from app.cli.exits import Interrupted, JobUnsuccessful, Unreachable
from app.cli.tables import show_status
from app.cli.terminal import print_json, terminal
from tasks.jobs.job import JobState

_POLL_SECONDS = 0.5
_MAX_OUTAGE_SECONDS = 30.0
"""How long the server may be unreachable. It is restarted, or moved, within that time."""

ShowProgress = Callable[[StatusReport], None]


@click.command()
@job_id_argument
@client_options
@click.pass_obj
def watch(context: CliContext, job_id: uuid.UUID, url: str | None, as_json: bool) -> None:
    """Follow a job until it ends, then print its status.

    Ctrl-C ends this command, not the job.
    """
    with open_client(context, url) as client:
        watch_to_end(client, job_id, context, as_json=as_json)


def watch_to_end(
    client: ApiClient, job_id: uuid.UUID, context: CliContext, *, as_json: bool
) -> None:
    """Raises JobUnsuccessful if the job ends without success."""
    try:
        with _progress(terminal(stderr=True)) as show_progress:
            for status in _statuses(client, job_id, context):
                show_progress(status.body)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"the job keeps running; follow it again with `curator jobs watch {job_id}`"
        ) from error
    job = status.body
    if as_json:
        print_json(status.document)
    else:
        show_status(terminal(), job)
    if job.state is not JobState.SUCCESS:
        raise JobUnsuccessful.of(job.state, job.error)


def _statuses(
    client: ApiClient, job_id: uuid.UUID, context: CliContext
) -> Iterator[ApiResponse[StatusReport]]:
    """Polls the status until the job has ended.

    Once the server has responded, it may be unreachable for a while.
    """
    status = client.job_status(job_id)
    yield status
    last_response = context.clock()
    while not status.body.state.final:
        context.sleep(_POLL_SECONDS)
        try:
            status = client.job_status(job_id)
        except Unreachable:
            if context.clock() - last_response > _MAX_OUTAGE_SECONDS:
                raise
            continue
        last_response = context.clock()
        yield status


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
        TextColumn("{task.fields[failed]} failed", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("", total=None, failed=0)

        def update(job: StatusReport) -> None:
            bar.update(
                task,
                description=job.state,
                completed=job.current,
                total=job.total,
                failed=job.failed_urls,
            )

        yield update


class _ProgressLines:
    """Prints a line for each change of state, and for each tenth of the articles."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[str, int] | None = None

    def __call__(self, job: StatusReport) -> None:
        progress = (job.state, job.current * 10 // job.total if job.total else 0)
        if progress == self._last:
            return
        self._last = progress
        settled = f" {job.current}/{job.total}, {job.failed_urls} failed" if job.total else ""
        click.echo(f"{job.state}{settled}", file=self._console.file)
