"""The options of a job: their bounds, and what they change of the policies."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict

from nlp.analysis import AnalysisPolicy, Weights
from nlp.decision import SelectionPolicy
from tasks.errors import InvalidRequest
from tasks.jobs.job import (
    BatchAnalysis,
    HealthCheck,
    Params,
    SingleAnalysis,
    TopicCuration,
)
from tasks.jobs.options import NO_OPTIONS, JobOptions, WeightOptions
from tasks.jobs.submission import JobLimits, Submission, client_key, validate_params

LIMITS = JobLimits(
    max_urls_per_job=10,
    max_articles_per_topic=100,
    result_ttl_seconds=60,
    schedule_result_ttl_seconds=60,
    max_result_ttl_seconds=60,
    max_schedules_per_caller=10,
    sources=("feeds", "gdelt"),
)


def validate(options: JobOptions, **params: Any) -> None:
    validate_params(TopicCuration(topic="tea", options=options, **params), LIMITS)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"domain_cap": 1, "cluster_cap": 10_000, "min_relevance": 0, "min_word_count": 10_000},
        {"min_relevance": 100, "min_word_count": 1},
        {"weights": WeightOptions(recency=1.0, reputation=0.0)},
        {"published_after_ms": -2_208_988_800_000},
        {"languages": ("en", "de"), "sources": ("gdelt",)},
        {"include_domains": ("example.org", "Bücher.example", "192.0.2.1", "localhost")},
        {"exclude_domains": ("a.example",) * 100},
    ],
)
def test_at_the_bounds(options: dict[str, Any]) -> None:
    validate(JobOptions(**options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({"domain_cap": bad}, "domain_cap must be from 1 to 10 000") for bad in (0, -1, 10_001)),
        ({"cluster_cap": 0}, "cluster_cap must be from 1"),
        *(
            ({"min_relevance": bad}, "min_relevance must be from 0 to 100")
            for bad in (-0.1, 100.1, math.nan, math.inf)
        ),
        ({"min_word_count": 0}, "min_word_count must be from 1"),
        ({"weights": WeightOptions(ner=1.1)}, "weights.ner must be from 0 to 1"),
        ({"weights": WeightOptions(ner=math.nan)}, "weights.ner must be from 0 to 1"),
        (
            {"weights": WeightOptions(**dict.fromkeys(WeightOptions.__struct_fields__, 0.0))},
            "at least one weight above 0",
        ),
        ({"published_after_ms": 10**15}, "published_after must be between the years 1900 and 2100"),
        ({"languages": ("en", "English")}, r"languages\[1\] must be an ISO 639-1 code"),
        ({"languages": ("en",) * 21}, "at most 20 languages"),
        ({"exclude_domains": ("a.example",) * 101}, "at most 100 domains"),
        *(
            ({"include_domains": ("a.example", bad)}, r"include_domains\[1\] must be a domain")
            for bad in ("", "https://a.example", "a.example/path", "a b", "x" * 254, "a@b", ".")
        ),
        ({"sources": ("bingnews",)}, r"sources\[0\] must be one of feeds, gdelt"),
        ({"sources": ("feeds", "feeds")}, "each source at most once"),
    ],
)
def test_beyond_the_bounds(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        validate(JobOptions(**options))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            TopicCuration(topic="tea", apply_diversity=False, options=JobOptions(domain_cap=1)),
            "domain_cap needs apply_diversity",
        ),
        (
            BatchAnalysis(urls=("https://a.example/",), options=JobOptions(cluster_cap=1)),
            "cluster_cap needs apply_diversity",
        ),
        (
            BatchAnalysis(urls=("https://a.example/",), options=JobOptions(min_relevance=5)),
            "min_relevance needs a query",
        ),
        (
            SingleAnalysis(url="https://a.example/", options=JobOptions(min_word_count=0)),
            "min_word_count must be from 1",
        ),
    ],
)
def test_options_that_would_do_nothing_are_refused(params: Params, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        validate_params(params, LIMITS)


def test_given_weights_are_scaled_with_the_others() -> None:
    options = JobOptions(weights=WeightOptions(recency=1.0), min_word_count=40)
    policy = options.analysis(AnalysisPolicy())
    shares = asdict(policy.weights)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["recency"] == pytest.approx(1.0 / 1.88)
    assert shares["ner"] == pytest.approx(0.12 / 1.88)
    assert policy.min_word_count == 40


def test_without_options_the_policies_are_those_of_the_settings() -> None:
    analysis, selection = AnalysisPolicy(weights=Weights()), SelectionPolicy(domain_cap=7)
    assert NO_OPTIONS.analysis(analysis) == analysis
    assert NO_OPTIONS.selection(selection) == selection
    assert JobOptions(domain_cap=1).selection(selection) == SelectionPolicy(domain_cap=1)


def test_a_day_becomes_a_time_and_a_domain_its_ascii_form() -> None:
    options = JobOptions(published_after_ms=0, include_domains=("Bücher.example",))
    assert options.admission.published_after == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert options.admission.accepts_site("https://www.xn--bcher-kva.example/1")


RECORDED = {
    "86250ad0e3daa3c42a82a7d183b34e6fe90db20682cae11fe9b7dba0759c4384": Submission(
        params=TopicCuration(topic="tea & häfen", max_articles=7)
    ),
    "dddd677fae6ee8e7803c3036200389ccf29e0aeea1fb1aa37b7951d6dc523c66": Submission(
        params=BatchAnalysis(urls=("http://a.example/1", "http://a.example/2"), query="tea"),
        deadline_seconds=60.0,
    ),
    "8b06ee75537608602f9e2aea251ed58bad11edcfe0398c07ac6c42146fcaf0c7": Submission(
        params=SingleAnalysis(url="http://a.example/1")
    ),
    "480201ea6acb2ea8d4ae083da299cb53d5a58156bffa65ee4826acbc49ce0486": Submission(
        params=HealthCheck()
    ),
}
"""The digests that the release before the options made of these submissions."""


@pytest.mark.parametrize("digest", RECORDED)
def test_a_submission_without_options_has_the_digest_that_it_always_had(digest: str) -> None:
    assert client_key(RECORDED[digest], "k").submission_digest == digest


def test_options_make_another_submission() -> None:
    plain, capped, looser = (
        Submission(params=TopicCuration(topic="tea", options=options))
        for options in (None, JobOptions(domain_cap=1), JobOptions(domain_cap=2))
    )
    digests = {client_key(each, "k").submission_digest for each in (plain, capped, looser)}
    assert len(digests) == 3


def test_stored_params_without_options_are_read() -> None:
    stored = msgspec.msgpack.encode(
        {"type": "topic_curation", "topic": "tea", "max_articles": 7, "apply_diversity": True}
    )
    assert msgspec.msgpack.decode(stored, type=Params) == TopicCuration(topic="tea", max_articles=7)


def test_stored_options_are_read_back() -> None:
    params = TopicCuration(
        topic="tea",
        options=JobOptions(
            weights=WeightOptions(ner=0.5), languages=("en",), published_after_ms=12
        ),
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(params), type=Params) == params
