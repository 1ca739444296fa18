"""The options that describe a job: for `jobs submit`, `schedules add` and `schedules edit`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import IO, Any

import click

from app.cli.context import Command, choice
from app.cli.terminal import printable
from app.url_lines import UrlLine, faults_in, read_url_lines, usable
from tasks.jobs.job import JobType, Priority


class Duration(click.ParamType[float]):
    """A duration in seconds, or with its unit: 90, 15m, 12h, 7d."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        parts = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd]?)", value)
        if parts is None:
            self.fail(f"{value!r} is not a duration such as 90, 15m, 12h or 7d.", param, ctx)
        return float(parts[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[parts[2]]


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
    click.option(
        "--skip-invalid",
        is_flag=True,
        help="Leave out what is not the URL of a web page, instead of refusing the list.",
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
        metavar="DURATION",
        type=Duration(),
        help="After this time the job ranks the articles it has: 90 (seconds), 15m, 12h, 7d.",
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


def job_request(
    *,
    urls: tuple[str, ...],
    file: IO[str] | None,
    batch: bool,
    skip_invalid: bool,
    job_type: str | None,
    priority: str | None,
    deadline_seconds: float | None,
    **parameters: Any,
) -> dict[str, Any]:
    """The body of the request, from the values of `job_options`.

    Raises click.UsageError if they do not go together, or for what is no URL.
    """
    if batch and job_type not in (None, JobType.BATCH_ANALYSIS):
        raise click.UsageError(f"--batch does not go with {job_type}.")
    if batch or (file and not job_type):
        job_type = JobType.BATCH_ANALYSIS
    parameters["urls"] = _checked(_lines(urls, file), skip_invalid)
    given = {name: value for name, value in parameters.items() if value not in (None, [])}
    request = _typed_request(JobType(job_type) if job_type else _suggested_type(given), given)
    if priority:
        request["priority"] = priority
    if deadline_seconds is not None:
        request["deadline_seconds"] = deadline_seconds
    return request


_SUBJECTS = ("urls", "topic", "file", "batch", "job_type")
"""The options that say what a job is about."""


def edited_job(job: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body that replaces this one: changed by the options of `job_options` that are given, or
    made anew if they say what it is about. None if none is given.

    Raises click.UsageError if they do not go together.
    """
    if any(description[name] for name in _SUBJECTS):
        return job_request(**description)
    given = {name: value for name, value in description.items() if value is not None}
    for name in (*_SUBJECTS, "skip_invalid"):
        given.pop(name, None)
    if not given:
        return None
    for name in given.keys() & _FLAGS.keys() - _ACCEPTED[JobType(job["type"])]:
        raise click.UsageError(f"{_FLAGS[name]} does not go with {job['type']}.")
    kept = {name: value for name, value in job.items() if value is not None}
    return {**kept, **given}


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


def _lines(urls: Sequence[str], file: IO[str] | None) -> list[UrlLine]:
    given = [
        UrlLine(place=f"URL {number}", text=url, url=url) for number, url in enumerate(urls, 1)
    ]
    return given + read_url_lines(file or ())


def _checked(lines: Sequence[UrlLine], skip_invalid: bool) -> list[str]:
    """The URLs of these lines. Says on stderr what is left out of them."""
    faults = [printable(fault) for fault in faults_in(lines)]
    if not faults:
        return [line.url for line in lines]
    if not skip_invalid:
        advice = "Correct them, or leave them out with --skip-invalid."
        raise click.UsageError("\n".join([*faults, advice]))
    kept = usable(lines)
    if not kept:
        raise click.UsageError("\n".join([*faults, "No URL is left."]))
    for sentence in (*faults, f"{len(lines) - len(kept)} left out."):
        click.echo(sentence, err=True)
    return [line.url for line in kept]
