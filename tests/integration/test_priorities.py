"""High goes first, and low is not starved."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis

from tasks.jobs.ids import new_job_id
from tasks.jobs.job import HealthCheck, Priority
from tasks.jobs.queue import Queue
from tasks.jobs.step import StepRef
from tasks.jobs.submission import Submission
from tasks.ledger.connection import connect
from tasks.settings import Settings
from tasks.worker.broker import AGEING, WakeupBroker

START_MS = 1_800_000_000_000


@pytest.fixture
async def broker(settings: Settings) -> AsyncIterator[WakeupBroker]:
    client = connect(str(settings.redis_url))
    yield WakeupBroker(client, str(settings.redis_url), settings.key_prefix)
    await client.aclose()


async def submit(queue: Queue, priority: Priority) -> str:
    submitted = await queue.submit(Submission(params=HealthCheck(), priority=priority))
    return f"{submitted.job.id}/discover"


async def popped(broker: WakeupBroker, count: int) -> list[str]:
    """The next wake-ups in the order in which a worker gets them."""
    wakeups = []
    listening = broker.listen()
    async for wakeup in listening:
        wakeups.append(wakeup.decode())
        if len(wakeups) == count:
            break
    await listening.aclose()
    return wakeups


async def test_high_is_popped_before_normal_before_low(queue: Queue, broker: WakeupBroker) -> None:
    low = await submit(queue, Priority.LOW)
    normal = await submit(queue, Priority.NORMAL)
    high = await submit(queue, Priority.HIGH)
    assert await popped(broker, 3) == [high, normal, low]


async def test_low_waits_for_eight_pops_at_most_for_each_place_in_its_list(
    queue: Queue, broker: WakeupBroker, valkey: redis.Redis, settings: Settings
) -> None:
    low = [await submit(queue, Priority.LOW) for _ in range(3)]
    flood = [str(StepRef(new_job_id(START_MS), "discover")) for _ in range(100)]
    valkey.rpush(f"{settings.key_prefix}wake:high", *flood)
    order = await popped(broker, 3 * AGEING)
    for place, wakeup in enumerate(low, 1):
        assert order.index(wakeup) < place * AGEING


async def test_what_is_not_ours_is_dropped_and_counted(
    queue: Queue, broker: WakeupBroker, valkey: redis.Redis, settings: Settings
) -> None:
    nonsense = (b"\xff\xfe", b"", b"{}", b"a/b", b"job/analyse:-1", b"x" * 100_000)
    valkey.rpush(f"{settings.key_prefix}wake:normal", *nonsense)
    ours = await submit(queue, Priority.NORMAL)
    assert await popped(broker, 1) == [ours]
    assert broker.dropped == len(nonsense)
