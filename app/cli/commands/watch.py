"""`curator jobs watch`: a job's way to its end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.client import Service, open_service
from app.cli.context import Surroundings, job_id_argument, print_json, service_options
from app.cli.exits import Interrupted, JobUnsuccessful, Unreachable
from app.cli.responses import Answer, JobStatus
from app.cli.tables import show_status
from app.cli.terminal import terminal
from tasks.jobs.job import JobState

_INTERVAL = 0.5
_PATIENCE = 30.0
"""Seconds without an answer before the server counts as gone."""

Report = Callable[[JobStatus], None]


@click.command()
@job_id_argument
@service_options
@click.pass_obj
def watch(around: Surroundings, job_id: uuid.UUID, url: str | None, as_json: bool) -> None:
    """Follow a job until it ends, then print where it stands.

    Ctrl-C ends the watching, not the job.
    """
    with open_service(around, url) as service:
        watch_to_end(service, job_id, around, as_json=as_json)


def watch_to_end(
    service: Service, job_id: uuid.UUID, around: Surroundings, *, as_json: bool
) -> None:
    """Raises JobUnsuccessful if the job ends without success."""
    try:
        with _progress(terminal(stderr=True)) as report:
            for status in _statuses(service, job_id, around):
                report(status.body)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"the job goes on; follow it again with `curator jobs watch {job_id}`"
        ) from error
    job = status.body
    if as_json:
        print_json(status.document)
    else:
        show_status(terminal(), job)
    if job.state is not JobState.SUCCESS:
        raise JobUnsuccessful.of(job.state, job.error)


def _statuses(
    service: Service, job_id: uuid.UUID, around: Surroundings
) -> Iterator[Answer[JobStatus]]:
    """What the job is at, again and again, until it has ended.

    A server that has answered once may be away for a while: it is restarted, or moved.
    """
    status = service.status(job_id)
    yield status
    heard = around.clock()
    while not status.body.state.final:
        around.sleep(_INTERVAL)
        try:
            status = service.status(job_id)
        except Unreachable:
            if around.clock() - heard > _PATIENCE:
                raise
            continue
        heard = around.clock()
        yield status


@contextmanager
def _progress(console: Console) -> Iterator[Report]:
    """A bar on a terminal, lines elsewhere."""
    if not console.is_terminal:
        yield _Lines(console)
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

        def report(job: JobStatus) -> None:
            bar.update(
                task,
                description=job.state,
                completed=job.current,
                total=job.total,
                failed=job.failed_urls,
            )

        yield report


class _Lines:
    """A line for each change of state, and for each tenth of the articles."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[str, int] | None = None

    def __call__(self, job: JobStatus) -> None:
        mark = (job.state, job.current * 10 // job.total if job.total else 0)
        if mark == self._last:
            return
        self._last = mark
        settled = f" {job.current}/{job.total}, {job.failed_urls} failed" if job.total else ""
        click.echo(f"{job.state}{settled}", file=self._console.file)
