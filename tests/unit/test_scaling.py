"""How many workers are wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.scaling.wanted import workers_wanted


def wanted(
    leased: int = 0, ready: int = 0, *, step_seconds: float = 1.0, paused: bool = False
) -> int:
    """With 8 slots, an acceptable wait of 300 s, and at most 10 workers."""
    return workers_wanted(leased, ready, 8, step_seconds, 300.0, 10, paused)


@pytest.mark.parametrize(
    ("leased", "ready", "expected"),
    [
        (0, 0, 0),  # idle, or all that there is is due later
        (0, 1, 1),
        (1, 0, 1),  # one step that hangs
        (9, 0, 2),  # one worker would have to hand one back
        (0, 2_400, 1),  # 2,400 s in 8 slots take just 300 s
        (0, 2_401, 2),
        (8, 2_401, 2),
        (17, 2_401, 3),
        (0, 1_000_000, 10),
    ],
)
def test_by_what_runs_and_what_waits(leased: int, ready: int, expected: int) -> None:
    assert wanted(leased, ready) == expected


def test_long_steps_need_more_workers_than_short_ones() -> None:
    assert wanted(ready=1_000, step_seconds=0.1) == 1
    assert wanted(ready=1_000, step_seconds=10.0) == 5


def test_a_paused_queue_only_ends_what_runs() -> None:
    assert wanted(0, 5_000, paused=True) == 0
    assert wanted(9, 5_000, paused=True) == 2


@given(
    leased=st.integers(0, 10_000),
    ready=st.integers(0, 10_000),
    slots=st.integers(1, 64),
    step_seconds=st.floats(0.001, 600),
    wait=st.floats(1, 3600),
    most=st.integers(1, 500),
    paused=st.booleans(),
)
def test_the_number_is_enough_and_the_least(
    leased: int,
    ready: int,
    slots: int,
    step_seconds: float,
    wait: float,
    most: int,
    paused: bool,
) -> None:
    number = workers_wanted(leased, ready, slots, step_seconds, wait, most, paused)
    starting = 0 if paused else ready
    if leased + starting == 0:
        assert number == 0
        return
    assert 1 <= number <= most

    def enough(workers: int) -> bool:
        held = leased <= workers * slots
        return held and starting * step_seconds <= workers * slots * wait * (1 + 1e-9)

    assert enough(number) or number == most
    assert (
        number == 1
        or not enough(number - 1)
        or starting * step_seconds > 0.999999 * ((number - 1) * slots * wait)
    )
