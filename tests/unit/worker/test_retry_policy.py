from __future__ import annotations

import pytest

from tasks.worker.runner import MAX_RETRY_DELAY_SECONDS, RETRY_JITTER, retry_delay


@pytest.mark.parametrize(
    ("tries", "retry_after", "expected"),
    [
        (1, None, 2.0),
        (2, None, 4.0),
        (4, None, 16.0),
        (1, 30.0, 30.0),
        (4, 30.0, 30.0),
        (50, None, MAX_RETRY_DELAY_SECONDS),
        (1, 86_400.0, MAX_RETRY_DELAY_SECONDS),
    ],
)
def test_the_delay_doubles_unless_the_site_asks_for_one(
    tries: int, retry_after: float | None, expected: float
) -> None:
    delays = [retry_delay(2.0, tries, retry_after) for _ in range(50)]
    assert min(delays) >= expected
    assert max(delays) <= expected * (1 + RETRY_JITTER)


def test_steps_that_failed_together_do_not_come_back_together() -> None:
    assert len({retry_delay(2.0, 1, None) for _ in range(50)}) > 40
