"""The rights that Terraform gives the user of web and worker are those that the product needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import redis
from msgspec.structs import replace

from tasks.jobs.job import BatchAnalysis, JobState
from tasks.jobs.submission import Submission
from tasks.resources import examine_redis, open_queue
from tasks.settings import Settings
from tasks.worker.worker import Shutdown, serve
from tests.conftest import PREFIX
from tests.fakes import FakeEngine, FakeFetcher
from tests.infra.plan import recorded
from tests.integration.conftest import ended

PASSWORD = "a-password-of-nobody-0123456789abcdef"
[USER] = recorded("prod").of_type("aws_elasticache_user")


@pytest.fixture
def as_user(settings: Settings, valkey: redis.Redis) -> Iterator[Settings]:
    """The settings with that user, on the keys of the tests instead of `{curator}:`."""
    name = USER.values["user_name"]
    rights = USER.values["access_string"].replace("{curator}:", PREFIX).split()
    command = ["ACL", "SETUSER", name, "reset", f">{PASSWORD}", *rights]
    valkey.execute_command(*command)  # type: ignore[no-untyped-call]
    url = str(settings.redis_url).replace("redis://", f"redis://{name}:{PASSWORD}@")
    try:
        yield replace(settings, redis_url=url)
    finally:
        valkey.acl_deluser(name)


@pytest.fixture
async def worker(as_user: Settings) -> AsyncIterator[None]:
    shutdown = Shutdown()
    task = asyncio.create_task(serve(as_user, FakeEngine(), FakeFetcher(), shutdown))
    try:
        yield
    finally:
        shutdown.request_immediate()
        await task


@pytest.mark.usefixtures("worker")
async def test_jobs_run(as_user: Settings, valkey: redis.Redis) -> None:
    urls = tuple(f"http://site.example/{number}" for number in range(20))
    valkey.acl_log_reset()
    async with open_queue(as_user) as queue:
        job = (await queue.submit(Submission(params=BatchAnalysis(urls=urls)))).job
        status = await ended(queue, job.id)
        await queue.cancel((await queue.submit(Submission(params=BatchAnalysis(urls=urls)))).job.id)
    assert (status.record.state, status.record.processed) == (JobState.SUCCESS, 20)
    assert refusals(valkey) == []


async def test_the_doctor_can_look(as_user: Settings, valkey: redis.Redis) -> None:
    """But for CONFIG, which ElastiCache gives to no user."""
    valkey.acl_log_reset()
    await examine_redis(as_user)
    assert {command for command in refusals(valkey) if not command.startswith("config")} == set()


async def test_other_keys_and_dangerous_commands_are_refused(as_user: Settings) -> None:
    async with redis.asyncio.Redis.from_url(str(as_user.redis_url)) as client:
        for call in (
            ("SET", "elsewhere", "1"),
            ("FLUSHALL",),
            ("KEYS", "*"),
            ("CONFIG", "SET", "maxmemory", "1"),
            ("PUBLISH", "elsewhere", "1"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                await client.execute_command(*call)  # type: ignore[no-untyped-call]


def refusals(valkey: redis.Redis) -> list[str]:
    return [f"{entry['object']}" for entry in valkey.acl_log()]
