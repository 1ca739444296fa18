"""The addresses of hosts, looked up by name.

The operating system looks them up (`getaddrinfo`): it alone knows /etc/hosts, the search domains
and all other sources of names that a machine is configured with. The call blocks its thread and
cannot be cancelled, and a name server that never answers holds it for 10 to 30 s. On the few
threads that asyncio uses for it, eight such names stopped all fetches of a worker for half a
minute.

So each lookup has a thread of its own, and their number is limited in total, for each job and for
each domain: neither a job with many dead names nor a dead name server takes the threads of others.
Lookups wait for a thread in the order of arrival, but those whose limits leave room go first.
"""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from ipaddress import ip_address
from threading import Thread

from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.fetch.addresses import Address
from tasks.step_context import current_step

LOOKUP_SECONDS = 8.0
"""The time limit of one lookup. The C library repeats its question after 5 s, so a lost packet does
not make it fail."""

MAX_LOOKUPS = 64
"""Threads in total. A thread exists only while its lookup runs."""

MAX_LOOKUPS_PER_JOB = 8

MAX_SHARE_OF_FREE = 4
"""A job may have as many threads as a quarter of those that are free, and one in any case. So jobs
of dead names leave threads to the jobs that follow."""

MAX_LOOKUPS_PER_DOMAIN = 2
"""The names of one domain usually have the same name servers."""

TTL_SECONDS = 60.0
"""How long addresses are used again; `getaddrinfo` does not return how long they are valid. A
request waits no longer than this for its host, so its connection rarely needs another lookup."""

FAILURE_TTL_SECONDS = 10.0
"""The same for a failure. Shorter than the delay of a retry."""

MAX_HOSTS = 2_000
"""Whose latest lookups are kept."""

Answer = tuple[Address, ...] | Callable[[], StepError]
"""The addresses, the best first, or a function that makes the failure: a new one for each caller,
because an exception that is raised twice grows a traceback."""

SystemLookup = Callable[[str], Sequence[Address]]
"""Blocks until there is an answer. Raises OSError, or UnicodeError for an impossible name."""


def system_lookup(host: str) -> list[Address]:
    """Asks the operating system, which also sorts the answers (RFC 6724)."""
    records = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in records))


class HostResolver:
    """Looks up names for all fetches of one event loop, and keeps the answers for a short time.

    An answer contains all addresses, public or not: which of them may be connected to is checked
    for each connection.
    """

    def __init__(
        self,
        lookup: SystemLookup = system_lookup,
        *,
        time_limit: float = LOOKUP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._system_lookup = lookup
        self._time_limit = time_limit
        self._clock = clock
        self._latest: OrderedDict[str, _Lookup] = OrderedDict()
        """The latest lookup of each host, running or ended."""
        self._waiting: list[_Lookup] = []
        self._with_thread: set[_Lookup] = set()
        """A lookup that exceeds its time limit remains here until its thread ends."""

    async def __call__(self, host: str) -> tuple[Address, ...]:
        """The host's addresses, as `resolve` returns them, however long it waits for a thread."""
        return await self.resolve(host)

    async def resolve(
        self,
        host: str,
        *,
        paused: Callable[[], AbstractContextManager[None]] = nullcontext,
        max_wait: float | None = None,
    ) -> tuple[Address, ...]:
        """The host's addresses, the best first.

        `paused` is entered while the lookup waits for its thread, which is no fault of the host.
        Raises PermanentFailure if there is no such host, TransientFailure if there is no answer, or
        TimeoutError if no thread was free for `max_wait` seconds.
        """
        lookup = self._usable(host)
        if lookup is None:
            with paused():
                lookup = await self._started(host, max_wait)
        answer = await asyncio.shield(lookup.answer)
        if callable(answer):
            raise answer()
        return answer

    async def _started(self, host: str, max_wait: float | None) -> _Lookup:
        """A lookup of this host that has its thread: this caller's, or one that another began."""
        lookup = _Lookup(host)
        self._waiting.append(lookup)
        self._start_waiting()
        try:
            async with asyncio.timeout(max_wait):
                return await lookup.turn
        finally:
            if lookup in self._waiting:
                self._waiting.remove(lookup)

    def _start_waiting(self) -> None:
        """Starts what has room now, and lets the others share the lookups that have begun."""
        for lookup in list(self._waiting):
            usable = self._usable(lookup.host)
            if usable is None and self._has_room(lookup):
                self._start(lookup)
                usable = lookup
            if usable is not None:
                self._waiting.remove(lookup)
                if not lookup.turn.done():  # it may have been cancelled
                    lookup.turn.set_result(usable)

    def _usable(self, host: str) -> _Lookup | None:
        """The host's latest lookup, if it still runs or its answer is recent."""
        lookup = self._latest.get(host)
        return lookup if lookup is not None and self._clock() < lookup.expires else None

    def _has_room(self, lookup: _Lookup) -> bool:
        of_job = sum(other.job == lookup.job for other in self._with_thread)
        of_domain = sum(other.domain == lookup.domain for other in self._with_thread)
        free = MAX_LOOKUPS - len(self._with_thread)
        share = max(1, min(MAX_LOOKUPS_PER_JOB, free // MAX_SHARE_OF_FREE))
        return free > 0 and of_job < share and of_domain < MAX_LOOKUPS_PER_DOMAIN

    def _start(self, lookup: _Lookup) -> None:
        self._with_thread.add(lookup)
        self._latest[lookup.host] = lookup
        self._latest.move_to_end(lookup.host)
        if len(self._latest) > MAX_HOSTS:
            self._latest.popitem(last=False)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._time_limit, self._keep, lookup, _no_answer)
        lookup.answer.add_done_callback(lambda _: timer.cancel())
        try:
            # A daemon, so that the process can end while it hangs.
            Thread(target=self._run, args=(lookup, loop), name="lookup", daemon=True).start()
        except RuntimeError:  # there can be no more threads
            loop.call_soon(self._end, lookup, _no_answer)

    def _run(self, lookup: _Lookup, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread."""
        answer = _answer(self._system_lookup, lookup.host)
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(self._end, lookup, answer)

    def _end(self, lookup: _Lookup, answer: Answer) -> None:
        self._with_thread.discard(lookup)
        self._keep(lookup, answer)
        self._start_waiting()

    def _keep(self, lookup: _Lookup, answer: Answer) -> None:
        """An answer that comes after the time limit replaces the failure: the retry finds it."""
        if lookup.answer.done():
            lookup.answer = asyncio.get_running_loop().create_future()
        lookup.answer.set_result(answer)
        ttl = FAILURE_TTL_SECONDS if callable(answer) else TTL_SECONDS
        lookup.expires = self._clock() + ttl


class _Lookup:
    """One lookup, from its wait for a thread until its answer has expired."""

    def __init__(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        self.host = host
        self.domain = domain_of(host)
        self.job = (current_step() or "").partition("/")[0]
        """Its id; empty outside of steps."""
        self.turn: asyncio.Future[_Lookup] = loop.create_future()
        """The lookup whose answer to await: this one, or another of the same host."""
        self.answer: asyncio.Future[Answer] = loop.create_future()
        self.expires = math.inf


def domain_of(host: str) -> str:
    """Roughly the registrable domain: the last two labels, or three where the second-last is as
    short as in `bbc.co.uk`.

    The public suffix list would be exact, but takes 24 MB, and here a wrong guess only makes some
    hosts share a limit, or have one each.
    """
    labels = host.split(".")
    is_under_country = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if is_under_country else -2 :])


_NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


def _answer(lookup: SystemLookup, host: str) -> Answer:
    try:
        return tuple(lookup(host))
    except socket.gaierror as error:
        return _no_such_host if error.errno in _NO_SUCH_NAME else _no_answer
    except Exception:  # the waiting fetches must receive an answer in any case
        return _no_answer


def _no_such_host() -> StepError:
    return PermanentFailure(Reason.CONNECTION_FAILED, "There is no host of that name.")


def _no_answer() -> StepError:
    return TransientFailure(Reason.CONNECTION_FAILED, "The host's name could not be resolved.")
