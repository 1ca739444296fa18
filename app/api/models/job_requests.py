"""The requests that submit jobs, one type for each type of job."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta, Struct

from app.api.models.jobs import AwareTime, utc_time
from tasks.jobs.job import (
    BatchAnalysis,
    HealthCheck,
    Params,
    Priority,
    SingleAnalysis,
    TopicCuration,
)
from tasks.jobs.options import (
    MAX_CAP,
    MAX_DOMAINS,
    MAX_LANGUAGES,
    MAX_WORDS,
    JobOptions,
    WeightOptions,
)
from tasks.jobs.submission import (
    MAX_DEADLINE_SECONDS,
    MAX_DEPENDENCIES,
    MAX_URL_LENGTH,
    QUERY_LENGTH,
    TOPIC_LENGTH,
    Submission,
)


def text_limits(length: range) -> dict[str, int]:
    """Of a string, for the OpenAPI document; `tasks.jobs.submission` checks them."""
    return {"minLength": length[0], "maxLength": length[-1]}


Diversity = Annotated[
    bool, Meta(description="Cap the articles per domain and per cluster of stories.")
]
Query = Annotated[
    Annotated[str, Meta(extra_json_schema=text_limits(QUERY_LENGTH))] | None,
    Meta(description="What relevance is measured against, 2 to 500 characters."),
]
Url = Annotated[
    str,
    Meta(
        description="An absolute http or https URL.",
        extra_json_schema={"format": "uri", "maxLength": MAX_URL_LENGTH},
    ),
]


_CAP = {"minimum": 1, "maximum": MAX_CAP}
Domains = Annotated[
    tuple[Annotated[str, Meta(extra_json_schema={"maxLength": 253})], ...],
    Meta(extra_json_schema={"maxItems": MAX_DOMAINS}),
]


class CommonRequest(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"
):
    """What every job may have, beside the parameters of its type."""

    priority: Annotated[Priority, Meta(description="Which jobs the workers take first.")] = (
        Priority.NORMAL
    )
    depends_on: Annotated[
        tuple[Annotated[str, Meta(extra_json_schema={"format": "uuid"})], ...],
        Meta(
            description="Ids of at most 100 jobs that must succeed before this one starts.",
            extra_json_schema={"maxItems": MAX_DEPENDENCIES},
        ),
    ] = ()
    not_before: Annotated[
        AwareTime | None,
        Meta(description="When it may start: an ISO 8601 time with its offset from UTC."),
    ] = None
    deadline_seconds: Annotated[
        Annotated[
            float, Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": MAX_DEADLINE_SECONDS})
        ]
        | None,
        Meta(
            description=(
                "How long after its submission the job ranks the articles that it has by then; "
                "at most 7 days."
            )
        ),
    ] = None
    result_ttl_seconds: Annotated[
        Annotated[int, Meta(extra_json_schema={"minimum": 1})] | None,
        Meta(
            description=(
                "How long its result is kept after its end, at most MAX_RESULT_TTL. Default: "
                "RESULT_TTL, and SCHEDULE_RESULT_TTL for the jobs of a schedule."
            )
        ),
    ] = None


class AnalysisOptions(CommonRequest, frozen=True, kw_only=True):
    """What a job with articles may decide instead of the settings."""

    weights: Annotated[
        WeightOptions | None,
        Meta(
            description=(
                "Shares of the scores in the composite, 0 to 1, by the names of the WEIGHT_* "
                "settings. Those that are not given keep the settings' value; then all are scaled "
                "to sum to 1."
            )
        ),
    ] = None
    min_word_count: Annotated[
        Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_WORDS})] | None,
        Meta(description="Words that an article must have. Default: MIN_WORD_COUNT."),
    ] = None


class ListOptions(AnalysisOptions, frozen=True, kw_only=True):
    """What a job with a list may decide, too."""

    domain_cap: Annotated[
        Annotated[int, Meta(extra_json_schema=_CAP)] | None,
        Meta(description="Articles kept per domain, with `apply_diversity`. Default: DOMAIN_CAP."),
    ] = None
    cluster_cap: Annotated[
        Annotated[int, Meta(extra_json_schema=_CAP)] | None,
        Meta(description="Articles kept per story, with `apply_diversity`. Default: CLUSTER_CAP."),
    ] = None
    min_relevance: Annotated[
        Annotated[float, Meta(extra_json_schema={"minimum": 0, "maximum": 100})] | None,
        Meta(
            description=(
                "Relevance below which an article is dropped. Default: MIN_RELEVANCE for a topic, "
                "0 for a batch."
            )
        ),
    ] = None
    published_after: Annotated[
        AwareTime | None,
        Meta(
            description=(
                "Only articles published after this ISO 8601 time with its offset from UTC; none "
                "without a date."
            )
        ),
    ] = None
    languages: Annotated[
        tuple[Annotated[str, Meta(extra_json_schema={"pattern": "^[a-z]{2}$"})], ...],
        Meta(
            description="Only articles in these languages, as ISO 639-1 codes. Default: all.",
            extra_json_schema={"maxItems": MAX_LANGUAGES},
        ),
    ] = ()
    include_domains: Annotated[
        Domains, Meta(description="Only articles of these domains and their subdomains.")
    ] = ()
    exclude_domains: Annotated[
        Domains, Meta(description="No articles of these domains and their subdomains.")
    ] = ()


class TopicCurationRequest(ListOptions, frozen=True, kw_only=True, tag="topic_curation"):
    """Find articles on a topic, analyse them, keep the best."""

    topic: Annotated[
        str,
        Meta(
            description="2 to 200 characters on one line.",
            extra_json_schema=text_limits(TOPIC_LENGTH),
        ),
    ]
    max_articles: Annotated[
        int, Meta(description="Articles to keep, from 1.", extra_json_schema={"minimum": 1})
    ] = 20
    apply_diversity: Diversity = True
    sources: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Where to look the topic up, of the sources in the setting SOURCES. Default: all "
                "of them."
            )
        ),
    ] = ()

    def params(self) -> Params:
        return TopicCuration(
            topic=self.topic,
            max_articles=self.max_articles,
            apply_diversity=self.apply_diversity,
            options=options_of(self),
        )


class BatchAnalysisRequest(ListOptions, frozen=True, kw_only=True, tag="batch_analysis"):
    """Analyse and rank the given URLs."""

    urls: Annotated[
        tuple[Url, ...],
        Meta(description="Absolute http or https URLs.", extra_json_schema={"minItems": 1}),
    ]
    query: Query = None
    apply_diversity: Diversity = False

    def params(self) -> Params:
        return BatchAnalysis(
            urls=self.urls,
            query=self.query,
            apply_diversity=self.apply_diversity,
            options=options_of(self),
        )


class SingleAnalysisRequest(AnalysisOptions, frozen=True, kw_only=True, tag="single_analysis"):
    """Analyse one URL."""

    url: Url
    query: Query = None

    def params(self) -> Params:
        return SingleAnalysis(url=self.url, query=self.query, options=options_of(self))


class HealthCheckRequest(CommonRequest, frozen=True, kw_only=True, tag="health_check"):
    """Pass once through queue, worker and engine."""

    def params(self) -> Params:
        return HealthCheck()


JobRequest = (
    TopicCurationRequest | BatchAnalysisRequest | SingleAnalysisRequest | HealthCheckRequest
)

REQUEST_FIELDS = {
    str(request.__struct_config__.tag): ("type", *request.__struct_fields__)
    for request in get_args(JobRequest)
}
"""The fields that the request of each job type may have."""


def options_of(request: AnalysisOptions) -> JobOptions | None:
    """The options that the request gives; None if it gives none."""
    given = {
        name: value
        for name in JobOptions.__struct_fields__
        if (value := getattr(request, name, None)) not in (None, ())
    }
    if isinstance(request, ListOptions) and request.published_after is not None:
        given["published_after_ms"] = round(request.published_after.timestamp() * 1000)
    return JobOptions(**given) if given else None


def option_fields(options: JobOptions) -> dict[str, Any]:
    """The fields of a request that gives these options."""
    fields: dict[str, Any] = msgspec.to_builtins(options)
    after = fields.pop("published_after_ms", None)
    if after is not None:
        fields["published_after"] = utc_time(after)
    return fields


def submission_of(request: JobRequest) -> Submission:
    start = request.not_before
    return Submission(
        params=request.params(),
        priority=request.priority,
        depends_on=request.depends_on,
        not_before_ms=None if start is None else round(start.timestamp() * 1000),
        deadline_seconds=request.deadline_seconds,
        result_ttl_seconds=request.result_ttl_seconds,
    )
