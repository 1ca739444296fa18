"""Web and worker on a real cluster: from each of its nodes, while the slot moves, and when the
primary that has it is killed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tasks.doctor.finding import Level
from tasks.errors import LedgerUnavailable
from tasks.redis_url import DEFAULT_KEY_PREFIX
from tasks.resources import examine_redis, open_ledger
from tasks.settings import Settings
from tests.processes import program, web_process, worker_environ
from tests.valkey_cluster import Node, ValkeyCluster, valkey_cluster
from tests.waiting import wait_until

PREFIX = DEFAULT_KEY_PREFIX
AGAIN_SECONDS = 15.0
"""Within which everything goes on after a failover."""

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ValkeyCluster]:
    with valkey_cluster(tmp_path) as started:
        yield started


def settings_of(node: Node, key_prefix: str = PREFIX) -> Settings:
    return Settings(redis_url=node.url, key_prefix=key_prefix, lease_seconds=10, wakeup_grace=1)


@contextlib.asynccontextmanager
async def system(web: Node, worker: Node, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Web and a worker whose steps do nothing, each with the address of one node."""
    log = folder / "log"
    environ = worker_environ(settings_of(worker))
    async with (
        program("tests.integration.noop_worker", folder, environ=environ, log=log),
        web_process(settings_of(web), log) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield client


async def submit(client: httpx.AsyncClient, *urls: str) -> str:
    body = {"type": "batch_analysis", "urls": list(urls)}
    reply = await client.post("/jobs", json=body)
    assert reply.status_code == 202, reply.text
    return str(reply.json()["job_id"])


async def succeed(client: httpx.AsyncClient, *job_ids: str, timeout: float = 30.0) -> None:
    async def all_succeeded() -> bool:
        replies = [await client.get(f"/jobs/{job_id}/status") for job_id in job_ids]
        return all(
            reply.status_code == 200 and reply.json()["status"] == "SUCCESS" for reply in replies
        )

    await wait_until(all_succeeded, "the jobs to succeed", timeout=timeout)


def urls(name: str, count: int = 5) -> list[str]:
    return [f"https://example.com/{name}/{n}" for n in range(count)]


async def hold_begun(folder: Path) -> None:
    runs = folder / "runs"
    await wait_until(lambda: runs.exists() and "hold" in runs.read_text(), "the article")


def folder_of(tmp_path: Path) -> Path:
    folder = tmp_path / "worker"
    folder.mkdir()
    return folder


async def test_each_node_may_be_the_one_in_redis_url(
    cluster: ValkeyCluster, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path)
    for n, node in enumerate(cluster.nodes):  # replicas too
        worker = cluster.nodes[n - 1]
        async with system(node, worker, folder) as client:
            await succeed(client, await submit(client, *urls(f"seed{n}")))
    runs = (folder / "runs").read_text().split()
    assert len(runs) == len(set(runs)) == 5 * len(cluster.nodes)


async def test_the_slot_moves_to_another_node_while_jobs_run(
    cluster: ValkeyCluster, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path)
    target = next(node for node in cluster.primaries if node is not cluster.owner(PREFIX))
    async with system(cluster.nodes[0], cluster.nodes[1], folder) as client:
        held = await submit(client, *urls("before"), "https://example.com/hold")
        await hold_begun(folder)
        cluster.move_at_once(PREFIX, target)
        after = await submit(client, *urls("after"))
        (folder / "release").touch()
        await succeed(client, held, after)
    runs = (folder / "runs").read_text().split()
    assert len(runs) == len(set(runs)) == 11


async def test_while_the_slot_moves_key_by_key_nothing_changes(
    cluster: ValkeyCluster, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path)
    target = next(node for node in cluster.primaries if node is not cluster.owner(PREFIX))
    async with system(cluster.nodes[0], cluster.nodes[1], folder) as client:
        before = [await submit(client, *urls(f"job{n}")) for n in range(3)]
        await succeed(client, *before)
        held = await submit(client, "https://example.com/hold")
        await hold_begun(folder)

        async def write() -> int:
            body = {"type": "batch_analysis", "urls": urls("during")}
            return (await client.post("/jobs", json=body)).status_code

        loop = asyncio.get_running_loop()
        statuses: list[int] = []

        def halfway() -> None:
            statuses.append(asyncio.run_coroutine_threadsafe(write(), loop).result(30))

        await asyncio.to_thread(cluster.move_key_by_key, PREFIX, target, halfway)
        assert statuses == [503]
        (folder / "release").touch()
        after = await wait_for_submission(client)
        await succeed(client, *before, held, after)
    runs = (folder / "runs").read_text().split()
    assert sum("during" in url for url in runs) == 0
    findings = await examine_redis(settings_of(cluster.nodes[2]))
    assert not [finding for finding in findings if finding.level == Level.ERROR]


async def test_a_replica_takes_over_from_a_killed_primary_in_the_middle_of_a_job(
    cluster: ValkeyCluster, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path)
    owner = cluster.owner(PREFIX)
    others = [node for node in cluster.nodes if node is not owner]
    # Both are given the node that dies: what they know of the others is enough to go on.
    async with system(owner, owner, folder) as client:
        done = await submit(client, *urls("done"))
        await succeed(client, done)
        held = await submit(client, *urls("held"), "https://example.com/hold")
        await hold_begun(folder)
        assert owner.client.wait(1, 5000) == 1  # a replica has acknowledged it
        owner.kill()

        async def again() -> bool:
            return (await client.get("/health/ready")).status_code == 200

        await wait_until(again, "web to go on", timeout=AGAIN_SECONDS)
        (folder / "release").touch()
        after = await wait_for_submission(client)
        await succeed(client, done, held, after, timeout=AGAIN_SECONDS)
    assert cluster.owner(PREFIX, others) in others


async def wait_for_submission(client: httpx.AsyncClient) -> str:
    """As a client does that is told 503 and to try again."""
    for _ in range(100):
        reply = await client.post("/jobs", json={"type": "batch_analysis", "urls": urls("after")})
        if reply.status_code == 202:
            return str(reply.json()["job_id"])
        assert reply.status_code == 503
        await asyncio.sleep(0.1)
    raise AssertionError(reply.text)


async def test_a_prefix_without_a_hash_tag_is_refused(cluster: ValkeyCluster) -> None:
    settings = settings_of(cluster.nodes[0], key_prefix="curator:")
    async with open_ledger(settings) as ledger:
        with pytest.raises(LedgerUnavailable):
            await ledger.reap()
    with pytest.raises(LedgerUnavailable, match=r"KEY_PREFIX has no hash tag; use one such as"):
        await examine_redis(settings)
    assert all(not node.client.dbsize() for node in cluster.nodes)


async def test_the_doctor_accepts_a_cluster(cluster: ValkeyCluster) -> None:
    findings = await examine_redis(settings_of(cluster.nodes[0]))
    modes = [finding.sentence for finding in findings if finding.check == "mode"]
    assert modes == ["A primary of a cluster, which has all keys of the ledger."]
