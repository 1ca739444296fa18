"""`curator jobs submit` and `curator jobs watch`, with the options that describe a job.

`schedules add` has these options too.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.api.models.jobs import StatusReport
from app.cli.client import ApiClient, ApiResponse, open_client
from app.cli.context import CliContext, Command, choice, client_options, job_id_argument
from app.cli.exits import Interrupted, JobUnsuccessful, Unreachable
from app.cli.tables import show_status
from app.cli.terminal import print_json, terminal
from tasks.jobs.job import JobState, JobType, Priority
from tasks.settings import read_settings

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
                failed=job.failed_count,
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
        settled = f" {job.current}/{job.total}, {job.failed_count} failed" if job.total else ""
        click.echo(f"{job.state}{settled}", file=self._console.file)


class _Moment(click.ParamType[dt.datetime]):
    """A time as ISO 8601; without an offset it is in the local time zone."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        try:
            moment = dt.datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.astimezone()
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is not a time such as 2026-03-01T08:30.", param, ctx)


_JOB_OPTIONS = (
    click.argument("urls", metavar="[URL]...", nargs=-1),
    click.option("--topic", help="Find articles on this topic."),
    click.option("--max-articles", type=click.IntRange(min=1), help="How many a topic keeps."),
    click.option(
        "--diversity/--no-diversity",
        "apply_diversity",
        default=None,
        help="Whether to cap the articles of one domain, and of one cluster.",
    ),
    click.option(
        "--file",
        type=click.File("r", encoding="utf-8-sig", errors="replace"),
        help="Read URLs from this file (- for stdin): one per line; # begins a comment.",
    ),
    click.option("--query", help="What the relevance of URLs is measured against."),
    click.option("--batch", is_flag=True, help="Submit a batch_analysis, even of a single URL."),
    click.option(
        "--type",
        "job_type",
        type=choice(JobType),
        help="Type of the job.  [default: suggested by the topic or the URLs]",
    ),
    click.option("--priority", type=choice(Priority)),
    click.option(
        "--deadline",
        "deadline_seconds",
        metavar="SECONDS",
        type=float,
        help="Seconds after the submission at which the job ranks the articles it has.",
    ),
)

_ACCEPTED = {
    JobType.TOPIC_CURATION: {"topic", "max_articles", "apply_diversity"},
    JobType.BATCH_ANALYSIS: {"urls", "query", "apply_diversity"},
    JobType.SINGLE_ANALYSIS: {"urls", "query"},
    JobType.HEALTH_CHECK: set[str](),
}
"""The parameters of each job type."""

_FLAGS = {
    "topic": "--topic",
    "max_articles": "--max-articles",
    "apply_diversity": "--diversity",
    "urls": "a URL",
    "query": "--query",
}
"""What a message calls each parameter."""


def job_options(command: Command) -> Command:
    """Adds the options that describe a job; `job_request` reads them."""
    for option in reversed(_JOB_OPTIONS):
        command = option(command)
    return command


@click.command()
@job_options
@click.option(
    "--depends-on",
    metavar="JOB_ID",
    multiple=True,
    type=click.UUID,
    help="Start after this job has succeeded; can be repeated.",
)
@click.option(
    "--not-before",
    metavar="TIME",
    type=_Moment(),
    help="Earliest start: 2026-03-01T08:30, in the local time zone if it has no offset.",
)
@click.option(
    "--idempotency-key",
    metavar="KEY",
    help="Submitting the same job with the same key again within 24 h returns the first job.",
)
@click.option("--watch", is_flag=True, help="Follow the job until it ends.")
@client_options
@click.pass_obj
def submit(
    context: CliContext,
    /,
    depends_on: tuple[uuid.UUID, ...],
    not_before: dt.datetime | None,
    idempotency_key: str | None,
    watch: bool,
    url: str | None,
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
        request["depends_on"] = [str(job_id) for job_id in depends_on]
    if not_before:
        request["not_before"] = not_before.isoformat()
    settings = read_settings(context.environ)
    if settings.tasks_eager:
        from app.cli.eager import run_job

        run_job(request, settings, as_json=as_json)
        return
    with open_client(context, url) as client:
        submitted = client.submit_job(request, idempotency_key)
        job_id = uuid.UUID(submitted.body.job_id)
        if watch:
            watch_to_end(client, job_id, context, as_json=as_json)
        elif as_json:
            print_json(submitted.document)
        else:
            click.echo(f"{job_id}  {submitted.body.type} submitted")
            click.echo(f"Follow it: curator jobs watch {job_id}", err=True)
            click.echo(f"Its page:  {client.job_page_url(job_id)}", err=True)


def job_request(
    *,
    urls: tuple[str, ...],
    file: IO[str] | None,
    batch: bool,
    job_type: str | None,
    priority: str | None,
    deadline_seconds: float | None,
    **parameters: Any,
) -> dict[str, Any]:
    """The body of the request, from the values of `job_options`.

    Raises click.UsageError if they do not go together.
    """
    if batch and job_type not in (None, JobType.BATCH_ANALYSIS):
        raise click.UsageError(f"--batch does not go with {job_type}.")
    if batch or (file and not job_type):
        job_type = JobType.BATCH_ANALYSIS
    parameters["urls"] = [*urls, *_urls_in(file or ())]
    given = {name: value for name, value in parameters.items() if value not in (None, [])}
    request = _typed_request(JobType(job_type) if job_type else _suggested_type(given), given)
    if priority:
        request["priority"] = priority
    if deadline_seconds is not None:
        request["deadline_seconds"] = deadline_seconds
    return request


def _typed_request(job_type: JobType, given: Mapping[str, Any]) -> dict[str, Any]:
    unaccepted = given.keys() - _ACCEPTED[job_type]
    for name, flag in _FLAGS.items():
        if name in unaccepted:
            raise click.UsageError(f"{flag} does not go with {job_type}.")
    request = {"type": str(job_type), **given}
    match job_type:
        case JobType.TOPIC_CURATION if "topic" not in given:
            raise click.UsageError("topic_curation needs --topic.")
        case JobType.BATCH_ANALYSIS if "urls" not in given:
            raise click.UsageError("batch_analysis needs a URL.")
        case JobType.SINGLE_ANALYSIS:
            urls = request.pop("urls", [])
            if len(urls) != 1:
                raise click.UsageError("single_analysis needs one URL.")
            request["url"] = urls[0]
    return request


def _suggested_type(given: Mapping[str, Any]) -> JobType:
    if "topic" in given:
        return JobType.TOPIC_CURATION
    if "urls" in given:
        return JobType.SINGLE_ANALYSIS if len(given["urls"]) == 1 else JobType.BATCH_ANALYSIS
    raise click.UsageError("Give --topic, a URL, --file, or --type health_check.")


def _urls_in(lines: Iterable[str]) -> Iterator[str]:
    """The first word of each line that is neither empty nor a comment.

    A # within a URL begins its fragment.
    """
    for line in lines:
        words = line.split()
        if words and not words[0].startswith("#"):
            yield words[0]
