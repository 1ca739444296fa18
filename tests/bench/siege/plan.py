"""What the programs of a siege share: where everything is, and what each of them reports."""

from __future__ import annotations

import sys
from collections import Counter

import msgspec
from msgspec import Struct

PRIORITIES = ("high", "normal", "low")

ATTACKER = "127.0.0.2"
GOOD_CALLER = "127.0.0.3"
SITES = "127.0.0.4"
NAME_SERVER = "127.0.0.77"
"""Addresses of this machine. The sites of a siege without names are at addresses of their own."""

HOSTS = {"good": 24, "many": 48, "robots": 8, "feeds": 1, "hostile": 8, "hung": 8}
"""How many hosts there are of each kind."""


class Plan(Struct, frozen=True, kw_only=True):
    """A siege, as its programs are told of it."""

    port: int
    """Of web, at 127.0.0.1."""
    site_port: int
    named: bool
    """Whether the worker's machine resolves the sites' names, and those that are never answered."""
    seconds: float
    articles_per_second: float
    """What the product can do: the attackers submit ten times as much."""
    first: int = 0
    """Number of the first page: no page is asked for twice."""

    def url(self, kind: str, number: int, path: str) -> str:
        """The address of a path on one of the hosts of that kind."""
        host = host_of(kind, number % HOSTS[kind], named=self.named)
        return f"http://{host}:{self.site_port}{path}"

    def argument(self) -> str:
        return msgspec.json.encode(self).decode()


def plan_of(arguments: list[str]) -> Plan:
    return msgspec.json.decode(arguments[0], type=Plan)


def host_of(kind: str, number: int, *, named: bool) -> str:
    """Each host is a domain of its own, as lookups are limited for each domain."""
    if named:
        return f"{kind}{number}.example"
    return f"127.0.{100 + list(HOSTS).index(kind)}.{1 + number}"


def all_hosts(*, named: bool) -> dict[str, tuple[str, int]]:
    """Each host with its kind and number."""
    return {
        host_of(kind, number, named=named): (kind, number)
        for kind, count in HOSTS.items()
        for number in range(count)
    }


class Attack(Struct, kw_only=True):
    """What the attackers report."""

    accepted: list[str] = msgspec.field(default_factory=list)
    """Ids of all jobs that were answered with 202."""
    answers: dict[str, int] = msgspec.field(default_factory=Counter)
    """How often which answer came, as `jobs of 1: 202`; `closed` and `silent` are among them."""
    articles: dict[str, int] = msgspec.field(default_factory=Counter)
    """Articles submitted, by what submitted them, whatever the answer."""
    faults: list[str] = msgspec.field(default_factory=list)
    """The beginnings of requests with an answer of 500 and above, except 503."""


class GoodJob(Struct, frozen=True, kw_only=True):
    """One job of the good caller."""

    job_id: str | None
    seconds: float
    """From the submission until its status was final, or until the caller gave up."""
    problem: str | None
    """Why it counts as failed."""


class GoodCaller(Struct, kw_only=True):
    """What the good caller reports."""

    jobs: list[GoodJob] = msgspec.field(default_factory=list)
    status_ms: list[float] = msgspec.field(default_factory=list)
    """How long each `GET /jobs/{id}/status` took; one without an answer counts its time-out."""
    answers: dict[str, int] = msgspec.field(default_factory=Counter)


def report(what: Attack | GoodCaller) -> None:
    """The last thing that a program does."""
    sys.stdout.buffer.write(msgspec.json.encode(what))
    sys.stdout.buffer.flush()
