"""Lists of words in queries and bodies: a set, and no longer than there are words."""

from __future__ import annotations

from typing import get_args

import pytest

from app.api.models.admin import ActiveState, EndedSelection, FinalState
from app.api.requests import decode_job_request, enum_members, selection_of
from tasks.errors import InvalidRequest
from tasks.jobs.job import ACTIVE_STATES, FINAL_STATES, JobState, JobType


def test_a_member_that_is_named_twice_counts_once() -> None:
    members = enum_members("state", ["FAILURE", "SUCCESS", "FAILURE"], JobState)
    assert members == (JobState.FAILURE, JobState.SUCCESS)


def test_a_list_is_at_most_as_long_as_the_enumeration() -> None:
    with pytest.raises(InvalidRequest, match=r"state has 400 entries; give each of WAITING"):
        enum_members("state", ["SUCCESS"] * 400, JobState)


def test_a_selection_is_as_bounded_as_a_query() -> None:
    selection = selection_of(EndedSelection(type=(JobType.HEALTH_CHECK, JobType.HEALTH_CHECK)))
    assert selection.types == (JobType.HEALTH_CHECK,)
    with pytest.raises(InvalidRequest, match="state has 3000 entries"):
        selection_of(EndedSelection(state=("SUCCESS",) * 3000))


def test_an_unknown_field_of_a_job_of_two_types_is_refused_with_a_sentence() -> None:
    body = b'{"type": "health_check", "foo": 1, "type": ["x"]}'
    with pytest.raises(InvalidRequest, match="`foo` is not a field of a job"):
        decode_job_request(body)


def test_selections_name_every_state_of_theirs() -> None:
    assert get_args(ActiveState) == ACTIVE_STATES
    assert get_args(FinalState) == FINAL_STATES
