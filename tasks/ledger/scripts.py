"""Runs the ledger's Lua scripts, many in one round trip.

Calls that are made during a round trip wait for its end and are then sent together. So the busier a
process is, the fewer round trips it makes per call.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from importlib import resources
from typing import Any

import hiredis
from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from tasks.ledger.connection import SOCKET_TIMEOUT, is_away, unavailable

SENDERS = 2
"""Concurrent round trips, each on a connection of its own. While Redis works on one, this process
works on the replies of the other. With one round trip, each of the two waited for the other."""

BATCH = 8
"""The most calls in one round trip. With larger batches Redis and this process wait for each other
again: 64 slots ran 4,800 steps/s in batches of 16, and 7,900 in batches of 8."""

CLOCK_READ_SECONDS = 5.0
"""How long `Scripts.now_ms` adds to one reading of Redis's clock before it takes the next."""

READS = frozenset(
    {
        *("now", "waiting", "due_schedules", "list_schedules", "read_schedule"),
        *("examine_entry", "examine_job", "examine_key", "examine_step"),
    }
)
"""Scripts that write nothing, or only what the doctor repairs: they run on a read-only replica."""

ADDS_WORK = frozenset({"submit", "add_schedule", "accepts_work"})
"""Scripts that Redis refuses while its memory is full. All others finish work that was accepted.
They may exceed `maxmemory`: if they were refused too, no job would end, and no memory become free.
"""

Argument = str | bytes | int


class LedgerClock(Struct, frozen=True):
    """The clock of the scripts."""

    now_ms: int | None = None
    """A fixed time, for tests; None for the clock of Redis, which all processes share."""


class _Call(Struct):
    words: Any  # tuple[Argument, ...]; the stub of hiredis knows only tuples of one
    source: str
    reply: asyncio.Future[Any]

    def with_source(self) -> _Call:
        """The same call, which cannot find its script missing. Redis keeps the script."""
        return _Call(("EVAL", self.source, *self.words[2:]), self.source, self.reply)


class _ClockReading(Struct, frozen=True, kw_only=True):
    redis_ms: int
    at: float
    """When it was received, on the monotonic clock of this process."""


class Scripts:
    """The scripts of `lua/`, by name, on one client."""

    def __init__(self, redis: Redis, constants: tuple[int, ...], key_prefix: str) -> None:
        self._redis = redis
        self.constants = constants
        """The values of the ledger's policy that every script receives; see the prelude."""
        self._key_prefix = key_prefix
        self._sources = _read_sources()
        self._waiting: list[_Call] = []
        self._senders: set[asyncio.Task[Any] | None] = set()
        self.clock = LedgerClock()
        self._clock_reading = _ClockReading(redis_ms=0, at=-math.inf)

    async def run(self, name: str, *arguments: Argument) -> Any:
        """The reply of the script `lua/NAME.lua`.

        Raises LedgerUnavailable if Redis cannot be reached. The script may have run nevertheless.
        """
        sha, source = self._sources[name]
        now = self.clock.now_ms
        head = ("EVALSHA", sha, 0, self._key_prefix, "" if now is None else now, *self.constants)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(head + arguments, source, reply))
        if len(self._senders) < SENDERS:
            self._senders.add(asyncio.create_task(self._send_all()))
        return await reply

    async def now_ms(self) -> int:
        """The time by the clock of the scripts.

        A round trip for each call would slow down every submit, so the time since the last reading
        is counted by the monotonic clock of this process, which is never set.
        """
        if self.clock.now_ms is not None:
            return self.clock.now_ms
        if time.monotonic() - self._clock_reading.at > CLOCK_READ_SECONDS:
            redis_ms = int(await self.run("now"))
            self._clock_reading = _ClockReading(redis_ms=redis_ms, at=time.monotonic())
        passed = time.monotonic() - self._clock_reading.at
        return self._clock_reading.redis_ms + int(passed * 1000)

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._send(batch)
        finally:  # not in a callback: a call made before it ran would never be sent
            self._senders.remove(asyncio.current_task())

    async def _send(self, batch: list[_Call]) -> None:
        replies: list[Any]
        try:
            replies = await self._execute(batch)
            unknown = [n for n, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:  # Redis loses all scripts when it restarts, or by SCRIPT FLUSH
                again = await self._execute([batch[n].with_source() for n in unknown])
                for n, reply in zip(unknown, again, strict=True):
                    replies[n] = reply
        except Exception as error:  # every caller must receive it
            replies = [error] * len(batch)
        for call, reply in zip(batch, replies, strict=True):
            _answer(call.reply, reply)

    async def _execute(self, batch: list[_Call]) -> list[Any]:
        """Like the pipeline of redis-py, but without its costs per call: a timer for the reply, and
        packing in Python. A call took 19 us with redis-py's, and about 11 with this."""
        packed = b"".join([hiredis.pack_command(call.words) for call in batch])
        pool: Any = self._redis.connection_pool
        connection = await pool.get_connection()
        try:
            replies: list[Any] = await connection.retry.call_with_retry(
                lambda: _exchange(connection, packed, len(batch)),
                lambda _: connection.disconnect(),
            )
        finally:
            await pool.release(connection)
        return replies


async def _exchange(connection: AbstractConnection, packed: bytes, count: int) -> list[Any]:
    await connection.send_packed_command(packed)
    async with asyncio.timeout(SOCKET_TIMEOUT):
        return [await _reply(connection) for _ in range(count)]


async def _reply(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(timeout=math.inf)
    except ResponseError as error:
        return error


def _answer(future: asyncio.Future[Any], reply: Any) -> None:
    if future.done():  # the caller was cancelled
        return
    if isinstance(reply, Exception) and is_away(reply):
        future.set_exception(unavailable(reply))
    elif isinstance(reply, Exception):
        future.set_exception(reply)
    else:
        future.set_result(reply)


def _read_sources() -> dict[str, tuple[str, str]]:
    folder = resources.files("tasks.ledger") / "lua"
    prelude, hosts, finish = (
        (folder / name).read_text() for name in ("_prelude.lua", "_hosts.lua", "_finish.lua")
    )
    sources = {}
    for file in folder.iterdir():
        name = file.name.removesuffix(".lua")
        if not name.startswith("_"):
            shared = prelude + hosts if name.startswith("host_") else prelude
            main = f"local function main()\n{file.read_text()}end\n"
            call = "local reply = main()\nfinish()\nreturn reply\n"
            source = f"{_shebang(name)}{shared}{main}{finish}{call}"
            sources[name] = (
                hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest(),
                source,
            )
    return sources


def _shebang(name: str) -> str:
    """The first line of a script, by which Redis decides before its start whether it may run.

    Without one a script runs until its first command that Redis refuses.
    """
    if name in READS:
        return ""
    return "#!lua\n" if name in ADDS_WORK else "#!lua flags=allow-oom\n"
