"""`curator jobs submit` with TASKS_EAGER=1: the job runs in this very process, with no Redis."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

import click
import msgspec

from app.api.job_requests import JobRequest, submission_of
from app.cli.client import open_service
from app.cli.commands.watch import watch_to_end
from app.cli.context import MOMENT, Surroundings, choice, print_json, service_options
from app.cli.exits import JobUnsuccessful, WrongUse
from app.cli.responses import JobResult
from app.cli.tables import show_result
from app.cli.terminal import terminal
from tasks.eager import EagerOutcome, run_eagerly
from tasks.engine.process import EngineProcess
from tasks.errors import InvalidRequest
from tasks.fetch.fetcher import build_fetcher
from tasks.jobs.job import JobState, JobType, Priority
from tasks.logs import configure_logging
from tasks.settings import Settings, read_settings


def run_here(request: Mapping[str, Any], settings: Settings, *, as_json: bool) -> None:
    """Runs the job to its end, and prints its result."""
    configure_logging(settings.worker_log_level)
    try:
        outcome = asyncio.run(_run(msgspec.convert(request, JobRequest), settings))
    except (InvalidRequest, msgspec.ValidationError) as error:
        raise WrongUse(str(error)) from error
    result = msgspec.json.decode(outcome.result, type=JobResult)
    if as_json:
        print_json(outcome.result)
    else:
        show_result(terminal(), result)
    if result.status is not JobState.SUCCESS:
        raise JobUnsuccessful.of(result.status, result.error)


async def _run(request: JobRequest, settings: Settings) -> EagerOutcome:
    engine = EngineProcess(settings)
    engine.start()
    try:
        async with contextlib.aclosing(build_fetcher(settings)) as fetcher:
            return await run_eagerly(submission_of(request), settings, engine, fetcher)
    finally:
        await engine.stop()


_FLAGS = {
    "topic": "--topic",
    "max_articles": "--max-articles",
    "apply_diversity": "--diversity",
    "urls": "a URL",
    "query": "--query",
}

_ACCEPTED = {
    JobType.TOPIC_CURATION: {"topic", "max_articles", "apply_diversity"},
    JobType.BATCH_ANALYSIS: {"urls", "query", "apply_diversity"},
    JobType.SINGLE_ANALYSIS: {"urls", "query"},
    JobType.HEALTH_CHECK: set[str](),
}


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@click.option("--topic", help="Find articles on this topic.")
@click.option("--max-articles", type=click.IntRange(min=1), help="How many a topic keeps.")
@click.option(
    "--diversity/--no-diversity",
    "apply_diversity",
    default=None,
    help="Whether to cap the articles of one domain, and of one cluster.",
)
@click.option(
    "--file",
    type=click.File("r", encoding="utf-8-sig", errors="replace"),
    help="Read URLs from this file (- for stdin): one on each line, # begins a comment.",
)
@click.option("--query", help="What the relevance of URLs is measured against.")
@click.option("--batch", is_flag=True, help="A batch, though it is one URL only.")
@click.option(
    "--type",
    "job_type",
    type=choice(JobType),
    help="Without: what topic or URLs suggest.",
)
@click.option("--priority", type=choice(Priority))
@click.option(
    "--deadline",
    "deadline_seconds",
    metavar="SECONDS",
    type=float,
    help="How long after its submission the job ranks what it has.",
)
@click.option(
    "--depends-on",
    metavar="JOB_ID",
    multiple=True,
    type=click.UUID,
    help="Start after the success of this job; may be given again.",
)
@click.option(
    "--not-before",
    metavar="TIME",
    type=MOMENT,
    help="Start then at the earliest: 2026-03-01T08:30, of here where it has no offset.",
)
@click.option(
    "--idempotency-key",
    metavar="KEY",
    help="The same job again with the same key, within 24 h, is the job that there is.",
)
@click.option("--watch", is_flag=True, help="Follow the job until it ends.")
@service_options
@click.pass_obj
def submit(
    around: Surroundings,
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

    One URL is a single_analysis, several (or a file) are a batch_analysis. With TASKS_EAGER=1 the
    job runs here, with no server, and its result is printed.
    """
    request = described_job(**description)
    if depends_on:
        request["depends_on"] = [str(job_id) for job_id in depends_on]
    if not_before:
        request["not_before"] = not_before.isoformat()
    settings = read_settings(around.environ)
    if settings.tasks_eager:
        run_here(request, settings, as_json=as_json)
        return
    with open_service(around, url) as service:
        submitted = service.submit(request, idempotency_key)
        job_id = submitted.body.job_id
        if watch:
            watch_to_end(service, job_id, around, as_json=as_json)
        elif as_json:
            print_json(submitted.document)
        else:
            click.echo(f"{job_id}  {submitted.body.type} submitted")
            click.echo(f"Follow it: curator jobs watch {job_id}", err=True)
            click.echo(f"Its page:  {service.page(job_id)}", err=True)


def described_job(
    *,
    urls: tuple[str, ...],
    file: IO[str] | None,
    batch: bool,
    job_type: str | None,
    priority: str | None,
    deadline_seconds: float | None,
    **parameters: Any,
) -> dict[str, Any]:
    """The body of the request, of the options that describe a job.

    Raises click.UsageError where they do not go together.
    """
    given = parameters | {"urls": [*urls, *_urls_in(file or ())]}
    wanted = JobType.BATCH_ANALYSIS if batch or (file and not job_type) else job_type
    if batch and job_type not in (None, JobType.BATCH_ANALYSIS):
        raise click.UsageError(f"--batch does not go with {job_type}.")
    request = job_request({k: v for k, v in given.items() if v not in (None, [])}, wanted)
    if priority:
        request["priority"] = priority
    if deadline_seconds is not None:
        request["deadline_seconds"] = deadline_seconds
    return request


def job_request(given: Mapping[str, Any], wanted: str | None) -> dict[str, Any]:
    """The body of the request, of the parameters that were given.

    Raises click.UsageError where they do not go together.
    """
    job_type = JobType(wanted) if wanted else _suggested_type(given)
    foreign = [flag for name, flag in _FLAGS.items() if name in given.keys() - _ACCEPTED[job_type]]
    if foreign:
        raise click.UsageError(f"{foreign[0]} does not go with {job_type}.")
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
