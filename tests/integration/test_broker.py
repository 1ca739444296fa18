"""Wake-ups are popped in their order, and go back where they came from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import redis
from redis.asyncio import Redis
from taskiq.message import BrokerMessage

from tasks.jobs.ids import new_job_id
from tasks.jobs.job import HealthCheck, Priority
from tasks.jobs.queue import Queue
from tasks.jobs.step import StepRef
from tasks.jobs.submission import Submission
from tasks.ledger.connection import connect
from tasks.ledger.key_prefix import KeyPrefix
from tasks.ledger.keys import READY, WAKE_LISTS
from tasks.settings import Settings
from tasks.worker.broker import WakeupBroker

START_MS = 1_800_000_000_000


def a_broker(
    client: Redis, settings: Settings, stopped: asyncio.Event | None = None, slots: int = 1
) -> WakeupBroker:
    return WakeupBroker(
        client,
        str(settings.redis_url),
        KeyPrefix(settings.key_prefix),
        stopped=stopped or asyncio.Event(),
        free_slots=lambda: slots,
    )


@pytest.fixture
async def broker(settings: Settings) -> AsyncIterator[WakeupBroker]:
    client = connect(str(settings.redis_url))
    yield a_broker(client, settings)
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


async def test_wakeups_of_an_older_release_are_popped_too(
    queue: Queue, broker: WakeupBroker, valkey: redis.Redis, settings: Settings
) -> None:
    """Its workers may still push to a list for each priority."""
    older = [str(StepRef(new_job_id(START_MS), "discover")) for _ in Priority]
    for priority, wakeup in zip(Priority, older, strict=True):
        valkey.rpush(f"{settings.key_prefix}wake:{priority}", wakeup)
    ours = await submit(queue, Priority.LOW)
    assert await popped(broker, 4) == [ours, *older]


async def test_malformed_wakeups_are_dropped_and_counted(
    queue: Queue, broker: WakeupBroker, valkey: redis.Redis, settings: Settings
) -> None:
    nonsense = (b"\xff\xfe", b"", b"{}", b"a/b", b"job/analyse:-1", b"x" * 100_000)
    valkey.rpush(f"{settings.key_prefix}{READY}", *nonsense)
    ours = await submit(queue, Priority.NORMAL)
    assert await popped(broker, 1) == [ours]
    assert broker.dropped == len(nonsense)


@pytest.mark.parametrize("name", WAKE_LISTS)
async def test_what_is_not_given_out_goes_back_to_the_front_of_its_list(
    name: str, valkey: redis.Redis, settings: Settings
) -> None:
    wakeups = [str(StepRef(new_job_id(START_MS), "discover")) for _ in range(5)]
    wake_list = f"{settings.key_prefix}{name}"
    valkey.rpush(wake_list, *wakeups)
    async with (
        aclosing(connect(str(settings.redis_url))) as client,
        aclosing(a_broker(client, settings, slots=4).listen()) as listening,
    ):
        assert (await anext(listening)).decode() == wakeups[0]
        assert valkey.llen(wake_list) == 1
    assert [text.decode() for text in lists_of(valkey, settings)[wake_list]] == wakeups[1:]
    assert sum(map(len, lists_of(valkey, settings).values())) == 4


def lists_of(valkey: redis.Redis, settings: Settings) -> dict[str, list[bytes]]:
    names = [f"{settings.key_prefix}{name}" for name in WAKE_LISTS]
    return {name: valkey.lrange(name, 0, -1) for name in names}  # type: ignore[misc]


async def test_a_broker_that_is_stopped_gives_out_nothing_more(
    valkey: redis.Redis, settings: Settings
) -> None:
    """Without a cancellation: one may be swallowed."""
    wakeups = [str(StepRef(new_job_id(START_MS), "discover")) for _ in range(3)]
    wake_list = f"{settings.key_prefix}wake:normal"
    valkey.rpush(wake_list, *wakeups)
    stopped = asyncio.Event()
    async with aclosing(connect(str(settings.redis_url))) as client:
        listening = a_broker(client, settings, stopped, slots=3).listen()
        await anext(listening)
        stopped.set()
        assert await anext(listening, None) is None
    assert valkey.llen(wake_list) == 2


async def test_only_the_ledger_sends_wakeups(broker: WakeupBroker) -> None:
    message = BrokerMessage(task_id="1", task_name="run_step", message=b"", labels={})
    with pytest.raises(NotImplementedError, match="ledger's scripts"):
        await broker.kick(message)
