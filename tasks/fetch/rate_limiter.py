"""The budget of a host: how many requests at once, and how long between their starts.

One budget may be shared by many workers. Who wants to send a request asks for a **turn**. The
answer is to go, or to ask again after so many milliseconds; until then the turn keeps its place in
the host's line, also while nobody waits for it here. Who goes holds one of the host's slots until
its release; a slot whose holder died ends by itself.

`local_hosts` keeps a budget in this process. The one that workers share stands in `tasks.ledger`,
above this package. Both pass the same tests.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import structlog
from msgspec import Struct

from tasks.errors import HostBusy, PermanentFailure, Reason, TransientFailure
from tasks.step_context import current_step

MAX_GAP = 30.0
"""Seconds between two requests that we are willing to keep. Sites that ask for more in robots.txt
are asked as often as this: a Crawl-delay of an hour would keep one article of a job for days."""

SLOT_MARGIN = 5.0
"""Seconds that a slot lasts longer than a fetch may: a request has surely ended by then."""

FORGOTTEN_MS = 60_000
"""A place in the line whose turn passed so long ago is given up: nobody comes back for it. Those
that do come back come within a reaper's round and the time in which a worker takes a step."""

GAP_KEPT_MS = 300_000
"""How long a gap holds for requests that do not know of it themselves. Each request that knows of
it starts this time anew."""

STAGGER_MS = 5
"""Between those who ask again in the same moment, in the order of the line."""

POLL_MS = 50
"""While all slots are taken the first in the line looks again so soon, the second after twice as
long, and so on: 18 in a line are 70 looks a second, not 360."""

PATIENT_REFUSALS = 3
"""So many times in a row a host may make us wait with Retry-After, and waiting for it is free.
After that each wait counts as a try, or a host that always refuses would keep a job for ever."""


class Turn(Struct, frozen=True, kw_only=True):
    """The wish to send one request to a host."""

    host: str
    ticket: str
    """The same whenever the same request is asked for again."""
    holder: str
    """Who asks. Two of them with one ticket, one of whom has lost his lease, have two slots."""
    gap_ms: int
    """The least time between this request's start and those before and after it."""
    first: bool = False
    """Whether it goes before all others, as robots.txt does: else what a worker has for the host
    would wait once for that, and then again."""


class Answer(Struct, frozen=True, kw_only=True):
    """What became of the wish."""

    wait_ms: int
    """0: go now. Otherwise: ask again then."""
    refused: bool = False
    """Whether the host has refused us so often in a row that waiting should not be free."""


class HostBudget(Protocol):
    """The rights to send requests. None of the calls fails because Redis is away."""

    async def ask(self, turn: Turn) -> Answer:
        """Harmless if it comes twice. Who goes, or comes back no more, must release the turn."""
        ...

    def release(self, turn: Turn, *, well: bool) -> None:
        """Gives up the slot, or the place in the line; `well` where the host answered as it should.

        Does not wait until it is done."""
        ...

    async def hold(self, host: str, wait_ms: int) -> None:
        """The host wants nobody to ask for so long."""
        ...

    async def widen(self, host: str, gap_ms: int) -> None:
        """The host wants this gap, also between requests that do not know of it yet."""
        ...

    async def aclose(self) -> None: ...


log = structlog.get_logger()

PATIENCE = 5.0
"""Seconds that a step waits for its host here. For longer its slot in the worker is worth more to
others: it comes back when its turn has come."""

DOCUMENT_PATIENCE = 30.0
"""The same for what a source asks. There the step is not put off, but the source is left out: else
all its other sources would be asked again."""

SHORTEST_PAUSE = 1.0
"""Seconds that a step stays away at the least."""

EARLY_SECONDS = 0.5
"""So much before its turn a step is to be back: the reaper looks twice a second."""


class Slots:
    """So many slots for each key, handed out in the order of asking.

    A key is remembered while someone holds or awaits one of its slots, and no longer.
    """

    def __init__(self, per_key: int) -> None:
        self._per_key = per_key
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @asynccontextmanager
    async def taken(self, key: str) -> AsyncIterator[None]:
        entry = self._entries.setdefault(key, _Entry(self._per_key))
        entry.users += 1
        try:
            async with entry.free:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                del self._entries[key]


class _Entry:
    def __init__(self, slots: int) -> None:
        self.free = asyncio.Semaphore(slots)
        self.users = 0
        """Who holds or awaits one of the slots."""


class Pace(Struct, frozen=True, kw_only=True):
    """How a request fits in with others to its host."""

    gap: float = 0.0
    """Seconds between its start and those before and after it, at the least."""
    first: bool = False
    """Whether it goes before all others."""
    patience: float | None = None
    """Seconds after which it is given up; None: it is put off, where somebody comes back for it,
    and waited for where nobody does."""


ANY_PACE = Pace()


class Limits:
    """The right to send one request to a host."""

    def __init__(
        self,
        total: int,
        hosts: HostBudget,
        *,
        gap: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._total = asyncio.Semaphore(total)
        self._hosts = hosts
        self._gap = gap
        self._sleep = sleep
        self._name = secrets.token_hex(6)
        self._asked: set[str] = set()
        """The tickets with which somebody waits or runs here."""

    @asynccontextmanager
    async def taken(self, host: str, url: str, pace: Pace) -> AsyncIterator[None]:
        """Raises HostBusy where the step should come back later, or TransientFailure."""
        turn = self._turn(host, url, pace)
        self._asked.add(turn.ticket)
        well = keep = False
        try:
            await self._granted(turn, pace)
            try:
                yield
                well = True
            except PermanentFailure:
                well = True  # a page that is not there is no reason to come back later
                raise
            finally:
                self._total.release()
        except HostBusy:
            keep = True
            raise
        finally:
            self._asked.discard(turn.ticket)
            if not keep:
                self._hosts.release(turn, well=well)

    async def hold(self, host: str, seconds: float) -> None:
        """Nobody is to ask this host for so long."""
        await self._hosts.hold(host, _ms(seconds))

    async def widen(self, host: str, gap: float) -> None:
        """The host wants this gap between its requests."""
        await self._hosts.widen(host, _ms(gap))

    async def aclose(self) -> None:
        await self._hosts.aclose()

    def _turn(self, host: str, url: str, pace: Pace) -> Turn:
        """The same step has the same ticket for a URL whenever it asks, and wherever. What goes
        first is asked by whoever comes first, for all in this worker."""
        owner = self._name if pace.first else current_step() or secrets.token_hex(6)
        ticket = _digest(f"{owner} {url}")
        if ticket in self._asked:
            ticket = _digest(f"{owner} {url} {secrets.token_hex(6)}")
        gap_ms = _ms(max(self._gap, pace.gap))
        return Turn(host=host, ticket=ticket, holder=self._name, gap_ms=gap_ms, first=pace.first)

    async def _granted(self, turn: Turn, pace: Pace) -> None:
        """Returns with one of this worker's own slots, which nobody holds who only waits."""
        waited = 0.0
        while True:
            answer = await self._ask(turn)
            if not answer.wait_ms:
                return
            wait = answer.wait_ms / 1000
            _check_patience(turn.host, answer, waited + wait, pace)
            await self._sleep(wait)
            waited += wait

    async def _ask(self, turn: Turn) -> Answer:
        """Holding a slot, so that a request that may go goes at once."""
        await self._total.acquire()
        go = False
        try:
            answer = await self._hosts.ask(turn)
            go = not answer.wait_ms
        finally:
            if not go:
                self._total.release()
        return answer


def _check_patience(host: str, answer: Answer, until_then: float, pace: Pace) -> None:
    wait = answer.wait_ms / 1000
    if answer.refused:
        raise TransientFailure(
            Reason.SERVER_ERROR,
            "The site asks us again and again to wait.",
            retry_after=wait,
            host=host,
        )
    if pace.patience is not None and until_then > pace.patience:
        raise TransientFailure(
            Reason.TIMED_OUT,
            "Too many requests wait for this site.",
            retry_after=wait,
            host=host,
        )
    if pace.patience is None and current_step() is not None and until_then > PATIENCE:
        log.info("a step waits for its host", host=host, seconds=wait)
        raise HostBusy(host, max(wait - EARLY_SECONDS, SHORTEST_PAUSE))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
