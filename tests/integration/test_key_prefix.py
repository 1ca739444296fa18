"""Under which prefix a ledger is, where none was set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tasks.errors import LedgerUnavailable
from tasks.ledger.key_prefix import FORMER_PREFIX, KeyPrefix
from tasks.redis_url import DEFAULT_KEY_PREFIX
from tasks.resources import examine_redis, open_ledger, open_schedules
from tasks.settings import Settings
from tests.contract.test_stored_ledger import ID, NAMES, restore
from tests.valkey import DurableValkey, durable_valkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[DurableValkey]:
    with durable_valkey(tmp_path) as server:
        yield server


def restore_at(client: redis.Redis, prefix: str) -> None:
    """The recorded ledger of an earlier release, under this prefix."""
    restore(client)
    names: list[bytes] = list(client.scan_iter(count=1000))
    for name in names:
        client.rename(name, prefix.encode() + name.partition(b":")[2])


async def test_a_new_ledger_has_a_hash_tag(valkey: DurableValkey) -> None:
    settings = Settings(redis_url=valkey.url)
    async with open_ledger(settings) as ledger:
        await ledger.pause()
    with valkey.client() as client:
        names = list(client.scan_iter())
    assert names
    assert all(name.startswith(b"{curator}:") for name in names)


async def test_a_ledger_of_an_earlier_release_stays_in_use(valkey: DurableValkey) -> None:
    with valkey.client() as client:
        restore_at(client, FORMER_PREFIX)
    settings = Settings(redis_url=valkey.url)
    async with open_ledger(settings) as ledger, open_schedules(settings) as schedules:
        found = await ledger.records([ID[name] for name in NAMES])
        assert len(found) == len(NAMES)
        assert (await schedules.page()).schedules
        await ledger.reap()
    findings = await examine_redis(settings)
    assert not [finding for finding in findings if finding.check == "former ledger"]
    with valkey.client() as client:
        assert not list(client.scan_iter(match="{curator}*"))


async def test_where_there_are_two_the_doctor_says_so(valkey: DurableValkey) -> None:
    settings = Settings(redis_url=valkey.url)
    async with open_ledger(settings) as ledger:
        await ledger.pause()
    with valkey.client() as client:
        client.hset(f"{FORMER_PREFIX}reaper", "seen", "1")
    async with open_ledger(settings) as ledger:
        await ledger.reap()
        assert ledger.scripts.key_prefix.text == DEFAULT_KEY_PREFIX
    findings = await examine_redis(settings)
    assert [finding.level for finding in findings if finding.check == "former ledger"] == [
        "warning"
    ]


async def test_a_process_that_starts_while_redis_is_away_finds_the_ledger_later(
    valkey: DurableValkey,
) -> None:
    with valkey.client() as client:
        restore_at(client, FORMER_PREFIX)
    valkey.kill()
    async with open_ledger(Settings(redis_url=valkey.url)) as ledger:
        with pytest.raises(LedgerUnavailable):
            await ledger.record(ID["pending"])
        valkey.start()
        await ledger.reap()
        assert await ledger.record(ID["pending"])


def test_a_prefix_that_was_set_is_not_searched() -> None:
    assert KeyPrefix("mine:").text == "mine:"
    assert KeyPrefix(DEFAULT_KEY_PREFIX).known is None
