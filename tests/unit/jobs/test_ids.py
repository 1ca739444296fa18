"""Ids sort in the order in which they were made, and are UUIDs of version 7."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from tasks.jobs.ids import JobIds, is_job_id

TIMES = st.lists(st.integers(0, 2**48 - 1) | st.just(1_700_000_000_000), min_size=1, max_size=50)


@given(TIMES)
def test_each_id_is_greater_than_the_one_before_whatever_the_clock_says(times: list[int]) -> None:
    ids = JobIds()
    given_ids = [ids.next(now_ms) for now_ms in times]
    assert given_ids == sorted(set(given_ids))
    for job_id in given_ids:
        assert is_job_id(job_id)
        assert (uuid.UUID(job_id).version, uuid.UUID(job_id).variant) == (7, uuid.RFC_4122)


def test_an_id_begins_with_its_millisecond() -> None:
    assert uuid.UUID(JobIds().next(1_700_000_000_123)).int >> 80 == 1_700_000_000_123
