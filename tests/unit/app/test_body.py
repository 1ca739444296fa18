"""Decoding the body of a submission."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.models.job_requests import (
    REQUEST_FIELDS,
    HealthCheckRequest,
    SingleAnalysisRequest,
    TopicCurationRequest,
    submission_of,
)
from app.api.requests import decode_job_request
from app.http.body import MalformedBody
from tasks.errors import InvalidRequest
from tasks.jobs.job import JobType, Priority, SingleAnalysis

SENTENCE = re.compile(r"|\S(?!.*\$).*\.", re.DOTALL)
"""Nothing, or a sentence in which no path of msgspec's is left."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=20,
)


def test_defaults() -> None:
    request = decode_job_request(b'{"topic": "tea", "type": "topic_curation"}')
    assert request == TopicCurationRequest(topic="tea")
    assert submission_of(request).priority is Priority.NORMAL


def test_a_request_becomes_the_parameters_of_its_type() -> None:
    request = SingleAnalysisRequest(url="https://a.example/", query="tea", priority=Priority.HIGH)
    submission = submission_of(request)
    assert submission.params == SingleAnalysis(url="https://a.example/", query="tea")
    assert submission.priority is Priority.HIGH


def test_every_job_type_has_a_request() -> None:
    assert set(REQUEST_FIELDS) == set(JobType)


def test_an_unknown_field_names_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r"`urls` is not a field of health_check; these are"):
        decode_job_request(b'{"type": "health_check", "urls": []}')


def test_a_long_name_is_cut_in_the_answer() -> None:
    body = json.dumps({"type": "health_check", "x" * 500: 1}).encode()
    with pytest.raises(InvalidRequest) as raised:
        decode_job_request(body)
    assert f"`{'x' * 80}`" in str(raised.value)
    assert "x" * 81 not in str(raised.value)


@pytest.mark.parametrize("name", ["type", "priority"])
def test_no_name_may_appear_twice(name: str) -> None:
    pairs = '"type": "health_check", "priority": "low"'
    again = {"type": '"health_check"', "priority": '"high"'}[name]
    with pytest.raises(InvalidRequest, match=f"`{name}` appears twice"):
        decode_job_request(f'{{{pairs}, "{name}": {again}}}'.encode())


@given(JSON)
def test_any_json_is_accepted_or_refused_with_a_sentence(document: Any) -> None:
    assert SENTENCE.fullmatch(refusal(json.dumps(document).encode()))


@given(st.dictionaries(st.sampled_from(["type", "topic", "urls", "url", "query", "x"]), JSON))
def test_any_object_is_accepted_or_refused_with_a_sentence(document: dict[str, Any]) -> None:
    body = json.dumps({"type": "batch_analysis", **document}).encode()
    assert SENTENCE.fullmatch(refusal(body))


@given(st.binary())
def test_any_bytes_are_accepted_or_refused_with_a_sentence(body: bytes) -> None:
    assert SENTENCE.fullmatch(refusal(body))


def refusal(body: bytes) -> str:
    """Why the body was refused; empty if it was taken."""
    try:
        decode_job_request(body)
    except InvalidRequest as error:
        return str(error)
    except MalformedBody as error:
        return error.detail
    return ""


def test_a_health_check_has_no_parameters() -> None:
    assert decode_job_request(b'{"type": "health_check"}') == HealthCheckRequest()
