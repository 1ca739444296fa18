"""The options that describe a job: for `jobs submit`, `schedules add` and `schedules edit`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import IO, Any

import click

from app.cli.context import Command, choice
from app.cli.terminal import printable
from app.url_lines import UrlLine, faults_in, read_url_lines, usable
from tasks.jobs.job import JobType, Priority
from tasks.jobs.options import WeightOptions


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


class Moment(click.ParamType[dt.datetime]):
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


class Weight(click.ParamType[tuple[str, float]]):
    """A weight and its share: recency=0.4."""

    name = "weight"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        name, _, share = value.partition("=")
        names = WeightOptions.__struct_fields__
        if name not in names:
            self.fail(f"{value!r} must begin with one of {', '.join(names)}.", param, ctx)
        try:
            return name, float(share)
        except ValueError:
            self.fail(f"{value!r} is not a weight such as recency=0.4.", param, ctx)


_OWN_OPTIONS = (
    click.option("--domain-cap", type=click.IntRange(min=1), help="Articles kept per domain."),
    click.option("--cluster-cap", type=click.IntRange(min=1), help="Articles kept per story."),
    click.option(
        "--min-relevance",
        type=click.FloatRange(0, 100),
        help="Relevance below which an article is dropped.",
    ),
    click.option(
        "--weight",
        "weights",
        metavar="NAME=SHARE",
        multiple=True,
        type=Weight(),
        help="Share of a score, as recency=0.4, by the names of WEIGHT_*; can be repeated.",
    ),
    click.option(
        "--published-after",
        metavar="TIME",
        type=Moment(),
        help="Only articles published after this time; none without a date.",
    ),
    click.option(
        "--language",
        "languages",
        metavar="CODE",
        multiple=True,
        help="Only articles in this language (en, de); can be repeated.",
    ),
    click.option(
        "--include-domain",
        "include_domains",
        metavar="DOMAIN",
        multiple=True,
        help="Only articles of this domain and its subdomains; can be repeated.",
    ),
    click.option(
        "--exclude-domain",
        "exclude_domains",
        metavar="DOMAIN",
        multiple=True,
        help="No articles of this domain and its subdomains; can be repeated.",
    ),
    click.option(
        "--source",
        "sources",
        metavar="NAME",
        multiple=True,
        help="Look the topic up here only, of the sources that are turned on; can be repeated.",
    ),
    click.option(
        "--min-words",
        "min_word_count",
        type=click.IntRange(min=1),
        help="Words that an article must have.",
    ),
)
"""What a job decides instead of the settings."""

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
    click.option(
        "--keep-result",
        "result_ttl_seconds",
        metavar="DURATION",
        type=Duration(),
        help="How long the result is kept after the job's end: 12h, 7d.",
    ),
    *_OWN_OPTIONS,
)

_OF_ARTICLES = {"weights", "min_word_count"}
_OF_LISTS = {
    *_OF_ARTICLES,
    "domain_cap",
    "cluster_cap",
    "min_relevance",
    "published_after",
    "languages",
    "include_domains",
    "exclude_domains",
}
_ACCEPTED = {
    JobType.TOPIC_CURATION: {"topic", "max_articles", "apply_diversity", "sources", *_OF_LISTS},
    JobType.BATCH_ANALYSIS: {"urls", "query", "apply_diversity", *_OF_LISTS},
    JobType.SINGLE_ANALYSIS: {"urls", "query", *_OF_ARTICLES},
    JobType.HEALTH_CHECK: set[str](),
}
"""The parameters of each job type."""

_FLAGS = {
    "topic": "--topic",
    "max_articles": "--max-articles",
    "apply_diversity": "--diversity",
    "urls": "a URL",
    "query": "--query",
    "domain_cap": "--domain-cap",
    "cluster_cap": "--cluster-cap",
    "min_relevance": "--min-relevance",
    "weights": "--weight",
    "published_after": "--published-after",
    "languages": "--language",
    "include_domains": "--include-domain",
    "exclude_domains": "--exclude-domain",
    "sources": "--source",
    "min_word_count": "--min-words",
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
    result_ttl_seconds: float | None = None,
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
    given = _given(parameters)
    request = _typed_request(JobType(job_type) if job_type else _suggested_type(given), given)
    if priority:
        request["priority"] = priority
    if deadline_seconds is not None:
        request["deadline_seconds"] = deadline_seconds
    if result_ttl_seconds is not None:
        request["result_ttl_seconds"] = round(result_ttl_seconds)
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
    given = _given(description)
    for name in (*_SUBJECTS, "skip_invalid"):
        given.pop(name, None)
    if not given:
        return None
    for name in given.keys() & _FLAGS.keys() - _ACCEPTED[JobType(job["type"])]:
        raise click.UsageError(f"{_FLAGS[name]} does not go with {job['type']}.")
    kept = {name: value for name, value in job.items() if value is not None}
    return {**kept, **given}


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are given, as the request has them."""
    given = {name: value for name, value in options.items() if value not in (None, [], ())}
    if "weights" in given:
        given["weights"] = dict(given["weights"])
    if "result_ttl_seconds" in given:
        given["result_ttl_seconds"] = round(given["result_ttl_seconds"])
    if "published_after" in given:
        given["published_after"] = given["published_after"].isoformat()
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items()
    }


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
