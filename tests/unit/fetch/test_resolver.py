"""Names are looked up without one lookup that hangs delaying the others."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import httpx
import pytest

from tasks.composition import fetch_policy
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.fetch.addresses import Address
from tasks.fetch.client import Deadline
from tasks.fetch.fetcher import HttpFetcher
from tasks.fetch.resolver import (
    FAILURE_TTL_SECONDS,
    MAX_HOSTS,
    MAX_LOOKUPS,
    MAX_LOOKUPS_PER_DOMAIN,
    MAX_LOOKUPS_PER_JOB,
    TTL_SECONDS,
    HostResolver,
    domain_of,
    system_lookup,
)
from tasks.settings import Settings
from tasks.step_context import step_named
from tests.waiting import wait_until

ADDRESS = ip_address("93.184.216.34")


class NameServers:
    """Answer at once, except about hosts whose name begins with `silent`."""

    def __init__(self) -> None:
        self.lookups: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.speak = threading.Event()
        """Set: the silent ones answer too."""

    def __call__(self, host: str) -> list[Address]:
        self.lookups.append(host)
        if host.startswith("silent"):
            self.speak.wait(30)
        if host in self.errors:
            raise self.errors[host]
        return [ADDRESS]


@pytest.fixture
def servers() -> Iterator[NameServers]:
    servers = NameServers()
    yield servers
    servers.speak.set()


def start(resolver: HostResolver, job: str, *hosts: str) -> list[asyncio.Task[tuple[Address, ...]]]:
    """Looks the hosts up for this job."""
    with step_named(f"{job}/analyse:0"):
        return [asyncio.create_task(resolver(host)) for host in hosts]


def silent(count: int) -> list[str]:
    """Silent hosts, each of a domain of its own."""
    return [f"silent{number}.example" for number in range(count)]


async def ended(tasks: list[asyncio.Task[tuple[Address, ...]]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_dead_names_of_a_job_do_not_delay_another_job(servers: NameServers) -> None:
    resolver = HostResolver(servers)
    tasks = start(resolver, "dead", *silent(30))
    (neighbour,) = start(resolver, "neighbour", "news.example")
    assert await asyncio.wait_for(neighbour, 5) == (ADDRESS,)
    assert len(servers.lookups) == MAX_LOOKUPS_PER_JOB + 1
    await ended(tasks)


async def test_a_dead_name_server_has_few_threads_however_many_jobs_ask(
    servers: NameServers,
) -> None:
    resolver = HostResolver(servers)
    tasks = [
        task
        for number in range(20)
        for task in start(resolver, f"job{number}", f"silent{number}.dead.example")
    ]
    (neighbour,) = start(resolver, "job0", "www.news.example")
    assert await asyncio.wait_for(neighbour, 5) == (ADDRESS,)
    assert len(servers.lookups) == MAX_LOOKUPS_PER_DOMAIN + 1
    await ended(tasks)


async def test_many_jobs_of_dead_names_leave_threads_to_the_next(servers: NameServers) -> None:
    resolver = HostResolver(servers)
    tasks = [
        task
        for number in range(12)
        for task in start(
            resolver, f"job{number}", *(f"silent{number}-{n}.example" for n in range(8))
        )
    ]
    (neighbour,) = start(resolver, "neighbour", "news.example")
    assert await asyncio.wait_for(neighbour, 5) == (ADDRESS,)
    await ended(tasks)


async def test_the_threads_are_limited_in_total(servers: NameServers) -> None:
    resolver = HostResolver(servers)
    tasks = [
        task
        for number in range(70)
        for task in start(resolver, f"job{number}", f"silent{number}.example")
    ]
    tasks += start(resolver, "next", "a.example", "b.example")
    await wait_until(lambda: len(servers.lookups) == MAX_LOOKUPS, "all threads to be taken")
    assert "a.example" not in servers.lookups
    servers.speak.set()
    assert set(await asyncio.gather(*tasks)) == {(ADDRESS,)}


async def test_a_silent_name_fails_after_its_time_limit_and_is_not_asked_about_again(
    servers: NameServers,
) -> None:
    resolver = HostResolver(servers, time_limit=0.02)
    for _ in range(2):
        with pytest.raises(TransientFailure) as caught:
            await resolver("silent.example")
        assert caught.value.reason == Reason.CONNECTION_FAILED
    assert servers.lookups == ["silent.example"]


async def test_a_thread_that_hangs_counts_even_after_the_time_limit(servers: NameServers) -> None:
    resolver = HostResolver(servers, time_limit=0.02)
    await asyncio.gather(*start(resolver, "dead", *silent(8)), return_exceptions=True)
    with step_named("dead/analyse:9"), pytest.raises(TimeoutError):
        await resolver.resolve("silent9.example", max_wait=0.02)
    assert "silent9.example" not in servers.lookups


async def test_an_answer_that_comes_late_serves_the_retry(servers: NameServers) -> None:
    resolver = HostResolver(servers, time_limit=0.02)
    with pytest.raises(TransientFailure):
        await resolver("silent.example")
    servers.speak.set()

    async def resolved() -> bool:
        (result,) = await asyncio.gather(resolver("silent.example"), return_exceptions=True)
        return result == (ADDRESS,)

    await wait_until(resolved, "the late answer")
    assert servers.lookups == ["silent.example"]


async def test_fetches_share_a_lookup_and_its_answer_for_a_minute(servers: NameServers) -> None:
    now = 0.0
    resolver = HostResolver(servers, clock=lambda: now)
    hosts = ["news.example"] * 5
    assert await asyncio.gather(*map(resolver, hosts)) == [(ADDRESS,)] * 5
    now = TTL_SECONDS - 1
    await resolver("news.example")
    assert servers.lookups == ["news.example"]
    now = TTL_SECONDS + 1
    await resolver("news.example")
    assert servers.lookups == ["news.example"] * 2


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), PermanentFailure),
        (socket.gaierror(socket.EAI_AGAIN, "x"), TransientFailure),
        (OSError("x"), TransientFailure),
        (UnicodeError("x"), TransientFailure),
        (RuntimeError("x"), TransientFailure),
    ],
)
async def test_a_failure_is_kept_for_some_seconds(
    servers: NameServers, error: Exception, kind: type[StepError]
) -> None:
    now = 0.0
    resolver = HostResolver(servers, clock=lambda: now)
    servers.errors["news.example"] = error
    failures = await asyncio.gather(*map(resolver, ["news.example"] * 2), return_exceptions=True)
    assert [type(failure) for failure in failures] == [kind, kind]
    assert failures[0] is not failures[1]
    assert servers.lookups == ["news.example"]
    servers.errors.clear()
    now = FAILURE_TTL_SECONDS + 1
    assert await resolver("news.example") == (ADDRESS,)


async def test_the_answers_of_many_hosts_take_bounded_memory(servers: NameServers) -> None:
    resolver = HostResolver(servers)
    for number in range(MAX_HOSTS + 1):
        await resolver(f"{number}.example")
    await resolver(f"{MAX_HOSTS}.example")
    assert len(servers.lookups) == MAX_HOSTS + 1
    await resolver("0.example")
    assert len(servers.lookups) == MAX_HOSTS + 2


async def test_only_the_wait_for_a_thread_stops_the_clock(servers: NameServers) -> None:
    resolver = HostResolver(servers)
    tasks = start(resolver, "dead", *silent(8))
    is_paused = False

    @contextmanager
    def paused() -> Iterator[None]:
        nonlocal is_paused
        is_paused = True
        yield
        is_paused = False

    with step_named("dead/analyse:9"):
        waiting = asyncio.create_task(resolver.resolve("silent9.example", paused=paused))
    await wait_until(lambda: is_paused, "the pause")
    tasks[0].cancel()  # its thread still runs
    await asyncio.sleep(0)
    assert is_paused
    with step_named("other/analyse:0"), pytest.raises(TransientFailure) as caught:
        async with Deadline(0.02) as deadline:
            await resolver.resolve("silent0.other", paused=deadline.paused)
    assert caught.value.reason == Reason.TIMED_OUT
    servers.speak.set()
    assert await waiting == (ADDRESS,)
    assert not is_paused
    await ended(tasks)


async def test_a_caller_that_gives_up_leaves_no_lookup_behind(servers: NameServers) -> None:
    resolver = HostResolver(servers)
    tasks = start(resolver, "dead", *silent(8))
    late = start(resolver, "dead", "a.example", "b.example")
    await asyncio.sleep(0)
    late[0].cancel()
    servers.speak.set()
    assert await late[1] == (ADDRESS,)
    await asyncio.gather(*tasks)
    assert "a.example" not in servers.lookups


def test_a_lookup_that_hangs_does_not_hold_up_the_end_of_the_loop(servers: NameServers) -> None:
    async def give_up() -> None:
        with pytest.raises(TransientFailure):
            await HostResolver(servers, time_limit=0.02)("silent.example")

    began = time.monotonic()
    asyncio.run(give_up())
    assert time.monotonic() - began < 5
    assert not servers.speak.is_set()


def test_the_operating_system_is_asked() -> None:
    assert any(address.is_loopback for address in system_lookup("localhost"))


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.example.com", "example.com"),
        ("example.com", "example.com"),
        ("a.b.bbc.co.uk", "bbc.co.uk"),
        ("www.spiegel.de", "spiegel.de"),
        ("intranet", "intranet"),
    ],
)
def test_the_domain_whose_name_servers_a_host_shares(host: str, domain: str) -> None:
    assert domain_of(host) == domain


class Web:
    """A web whose every page is a story; `/old` redirects to a host with a silent name."""

    def __init__(self, servers: NameServers, time_limit: float) -> None:
        self.requests: list[str] = []
        self.fetcher = HttpFetcher(
            httpx.MockTransport(self.handle),
            fetch_policy(Settings(fetch_concurrency=1, fetch_delay_per_host=0.0)),
            resolver=HostResolver(servers, time_limit=time_limit),
        )

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(str(request.url))
        if request.url.path == "/old":
            return httpx.Response(302, headers={"location": "http://silent.example/new"})
        return httpx.Response(200, headers={"content-type": "text/html"}, text="<html>a story")


async def test_a_fetch_whose_lookup_hangs_keeps_no_other_from_its_slot(
    servers: NameServers,
) -> None:
    web = Web(servers, time_limit=30)
    hanging = asyncio.create_task(web.fetcher.page("http://silent.example/"))
    await wait_until(lambda: servers.lookups, "the lookup")
    assert (await web.fetcher.page("http://news.example/")).body == b"<html>a story"
    assert not any("silent" in url for url in web.requests)
    servers.speak.set()
    assert (await hanging).body == b"<html>a story"


async def test_the_target_of_a_redirect_is_looked_up_too(servers: NameServers) -> None:
    web = Web(servers, time_limit=0.02)
    with pytest.raises(TransientFailure) as caught:
        await web.fetcher.document("http://news.example/old")
    assert caught.value.reason == Reason.CONNECTION_FAILED
    assert servers.lookups == ["news.example", "silent.example"]
