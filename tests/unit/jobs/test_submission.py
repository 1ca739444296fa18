"""The bounds of a job's timing, and of its idempotency key."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import InvalidRequest
from tasks.jobs.ids import new_job_id
from tasks.jobs.job import HealthCheck
from tasks.jobs.submission import (
    EARLIEST_START_MS,
    Submission,
    client_key,
    retry_key,
    validate_idempotency_key,
    validate_timing,
)

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000


def timing(**fields: Any) -> None:
    validate_timing(Submission(params=HealthCheck(), **fields), NOW_MS)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"depends_on": tuple(new_job_id(NOW_MS) for _ in range(100))},
        {"not_before_ms": NOW_MS + 366 * DAY_MS},
        {"not_before_ms": EARLIEST_START_MS},
        {"deadline_seconds": 0.001},
        {"deadline_seconds": 604_800},
        {"not_before_ms": NOW_MS + 59_999, "deadline_seconds": 60},
    ],
)
def test_at_the_bounds(fields: dict[str, Any]) -> None:
    timing(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depends_on": (new_job_id(NOW_MS),) * 101}, "has 101 ids"),
        ({"depends_on": (new_job_id(NOW_MS).upper(),)}, r"depends_on\[0\] is not the id"),
        ({"not_before_ms": NOW_MS + 366 * DAY_MS + 1}, "at most 366 days away"),
        ({"not_before_ms": EARLIEST_START_MS - 1}, "not be before the year 2000"),
        *(
            ({"deadline_seconds": bad}, "above 0 and at most 604800")
            for bad in (0, -0.0, -1, math.nan, math.inf, -math.inf, 1e308, 604_800.1)
        ),
        ({"not_before_ms": NOW_MS + 60_000, "deadline_seconds": 60}, "must end after not_before"),
    ],
)
def test_beyond_the_bounds(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        timing(**fields)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255))
def test_printable_text_is_a_key(key: str) -> None:
    validate_idempotency_key(key)


@pytest.mark.parametrize("key", ["", "k" * 256, "a b", "a\n", "\x7f", "clé", "\ud800"])
def test_an_invalid_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 255 printable ASCII"):
        validate_idempotency_key(key)


def test_equal_submissions_have_equal_digests_and_others_do_not() -> None:
    same = Submission(params=HealthCheck(), deadline_seconds=5.0)
    others = [
        Submission(params=HealthCheck()),
        Submission(params=HealthCheck(), deadline_seconds=6.0),
        Submission(params=HealthCheck(), deadline_seconds=5.0, not_before_ms=1),
    ]
    digest = client_key(same, "k").submission_digest
    assert client_key(same, "other").submission_digest == digest
    assert digest not in [client_key(other, "k").submission_digest for other in others]


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255))
def test_no_key_of_a_client_has_the_name_of_our_retry(key: str) -> None:
    submission = Submission(params=HealthCheck())
    ours = retry_key(new_job_id(NOW_MS))
    assert client_key(submission, key).name != ours.name
    assert client_key(submission, ours.name).name != ours.name
