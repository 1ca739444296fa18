"""A worker asks Amazon ECS for its protection, and works the same whatever it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from tasks.jobs.job import BatchAnalysis, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.settings import Settings
from tasks.worker import task_protection
from tasks.worker.leases import HeldLeases
from tasks.worker.task_protection import OLD_SECONDS, RENEW_SECONDS, TaskProtection
from tasks.worker.worker import Shutdown, serve
from tests.fakes import FakeEngine, FakeFetcher
from tests.integration.conftest import ended
from tests.loopback import free_port
from tests.tcp_server import tcp_server

GRANTED = b'{"protection": {"ProtectionEnabled": true, "TaskArn": "arn:task"}}'


class Agent:
    """The endpoint of ECS. `reply`: the body of its answers, or None to give none."""

    def __init__(self, reply: bytes | None, status: str = "200 OK") -> None:
        self.reply, self.status = reply, status
        self.asked: list[dict[str, Any]] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert head.startswith("put /api/x/task-protection/v1/state http/1.1\r\n")
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        self.asked.append(json.loads(await reader.readexactly(length)))
        if self.reply is None:
            await asyncio.Event().wait()
            return
        writer.write(
            f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.reply)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + self.reply
        )
        await writer.drain()


class SteppedLeases(HeldLeases):
    """Leases of whatever age a test says."""

    def __init__(self) -> None:
        self.age = 0.0

    def oldest_seconds(self) -> float:
        return self.age


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def uri(port: int) -> str:
    return f"http://127.0.0.1:{port}/api/x"


async def test_a_task_is_protected_while_a_step_runs_for_long(client: httpx.AsyncClient) -> None:
    agent, leases, now = Agent(GRANTED), SteppedLeases(), 1000.0
    wanted = {"ProtectionEnabled": True, "ExpiresInMinutes": 2}
    async with tcp_server(agent.handle) as port:
        protection = TaskProtection(leases, uri(port), client, clock=lambda: now)
        await protection.update()
        assert agent.asked == []
        leases.age = OLD_SECONDS
        for _ in range(2):
            await protection.update()
        assert agent.asked == [wanted]
        now += RENEW_SECONDS
        await protection.update()
        assert agent.asked == [wanted] * 2
        leases.age = 1
        for _ in range(2):
            await protection.update()
        assert agent.asked == [wanted] * 2 + [{"ProtectionEnabled": False}]


REFUSALS = {
    b'{"error": {"Arn": "a", "Code": "AccessDeniedException", "Message": "m"}}': "AccessDenied",
    b'{"failure": {"Arn": "a", "Reason": "DEPLOYMENT_BLOCKED"}}': "DEPLOYMENT_BLOCKED",
    b"{}": "no protection",
    b"<html>": "DecodeError",
    b"[1]": "ValidationError",
    b'{"protection": {"a": "\xff"}}': "utf-8",
    b"x" * 100_000: "more than 65536 bytes",
}


@pytest.mark.parametrize("reply", REFUSALS)
async def test_a_refusal_is_logged_and_asked_again(client: httpx.AsyncClient, reply: bytes) -> None:
    agent, leases = Agent(reply, "400 Bad Request"), SteppedLeases()
    leases.age = OLD_SECONDS
    async with tcp_server(agent.handle) as port:
        protection = TaskProtection(leases, uri(port), client)
        with capture_logs() as logs:
            for _ in range(2):
                await protection.update()
        assert len(agent.asked) == 2
        [line] = logs
        assert REFUSALS[reply] in line["cause"]
        agent.reply = GRANTED
        with capture_logs() as logs:
            for _ in range(2):
                await protection.update()
    assert next(line["event"] for line in logs) == "the task can be protected again"
    assert len(agent.asked) == 3


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}", "nonsense", "http://[", "file:///x"]
)
async def test_an_endpoint_that_is_not_there_is_no_error(
    client: httpx.AsyncClient, address: str
) -> None:
    leases = SteppedLeases()
    leases.age = OLD_SECONDS
    with capture_logs() as logs:
        await TaskProtection(leases, address.format(port=free_port()), client).update()
    assert [line["event"] for line in logs] == ["the task cannot be protected"]


@contextmanager
def protected_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(task_protection, "OLD_SECONDS", 0.0)
        patch.setattr(task_protection, "CHECK_SECONDS", 0.01)
        yield


async def test_a_worker_whose_agent_hangs_works_and_ends(
    settings: Settings, queue: Queue, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, shutdown = Agent(None), Shutdown()
    async with tcp_server(agent.handle) as port:
        on_ecs = replace(settings, ecs_agent_uri=uri(port))
        with protected_at_once(monkeypatch):
            worker = asyncio.create_task(serve(on_ecs, engine, FakeFetcher(), shutdown))
            params = BatchAnalysis(urls=("http://site.example/1",))
            job = (await queue.submit(Submission(params=params))).job
            status = await ended(queue, job.id)
            shutdown.requested.set()
            await asyncio.wait_for(worker, 20)
    assert status.record.state is JobState.SUCCESS
    assert agent.asked
