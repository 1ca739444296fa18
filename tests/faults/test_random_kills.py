"""The short form of `scripts/bench faults`: twenty kills at random moments, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

from tests.faults.campaign.campaign import campaign


async def test_nothing_is_lost_stuck_or_doubled(tmp_path: Path) -> None:
    verdict = await campaign(tmp_path, kills=20, seed=20, interval=0.5)
    assert sum(verdict.kills.values()) >= 20
    assert verdict.jobs > 0
    assert (verdict.lost, verdict.stuck, verdict.two_outcomes, verdict.unexcused) == (0, 0, 0, 0)
