"""The budget of a host: how many requests at once, and how long between their starts.

One budget may be shared by many workers. Who wants to send a request asks for a **turn**. The
answer is to go, or to ask again after so many milliseconds; until then the turn keeps its place in
the host's line, also while nobody waits for it here. Who goes holds one of the host's slots until
its release; a slot whose holder died ends by itself.

`local_hosts` keeps a budget in this process. The one that workers share stands in `tasks.ledger`,
above this package. Both pass the same tests.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

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
