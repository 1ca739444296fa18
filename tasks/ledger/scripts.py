"""Runs the ledger's Lua scripts, many in one round trip.

Redis has them as a library of functions, which is compiled once; a script would run all that stands
before it again with each call, which took 12 us of some 60.

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
import structlog
from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError, NoScriptError, ResponseError

from tasks.ledger.connection import SOCKET_TIMEOUT, is_away, unavailable
from tasks.ledger.key_prefix import KeyPrefix

log = structlog.get_logger(__name__)

SENDERS = 2
"""Concurrent round trips, each on a connection of its own. While Redis works on one, this process
works on the replies of the other. With one round trip, each of the two waited for the other."""

BATCH = 8
"""The most calls in one round trip. With larger batches Redis and this process wait for each other
again: 64 slots ran 4,800 steps/s in batches of 16, and 7,900 in batches of 8."""

CLOCK_READ_SECONDS = 5.0
"""How long `Scripts.now_ms` adds to one reading of Redis's clock before it takes the next."""

READS = frozenset(
    {"now", "demand", "metrics", "waiting", "due_schedules", "list_schedules", "read_schedule"}
)
"""Scripts that write nothing: they run on a read-only replica."""

REPAIRS = frozenset({"examine_entry", "examine_job", "examine_key", "examine_step"})
"""Scripts that write only what the doctor repairs. Without a repair they run on a read-only
replica, which no flag of a function allows, so they are no functions."""

ADDS_WORK = frozenset({"submit", "add_schedule", "accepts_work", "add_spans"})
"""Scripts that Redis refuses while its memory is full. All others finish work that was accepted.
They may exceed `maxmemory`: if they were refused too, no job would end, and no memory become free.
"""

LIBRARY_PREFIX = "curator_"

SHARED = ("_prelude.lua", "_hosts.lua", "_finish.lua", "_claim.lua")
"""What stands before each script, in this order."""

Argument = str | bytes | int


class LedgerClock(Struct, frozen=True):
    """The clock of the scripts."""

    now_ms: int | None = None
    """A fixed time, for tests; None for the clock of Redis, which all processes share."""


class _Call(Struct):
    words: Any  # tuple[Argument, ...]; the stub of hiredis knows only tuples of one
    source: str
    reply: asyncio.Future[Any]

    @property
    def with_source(self) -> Any:
        """The words of the same call, which cannot find its script missing."""
        return ("EVAL", self.source, *self.words[2:])


class _ClockReading(Struct, frozen=True, kw_only=True):
    redis_ms: int
    at: float
    """When it was received, on the monotonic clock of this process."""


class Scripts:
    """The scripts of `lua/`, by name, on one client."""

    def __init__(self, redis: Redis, constants: tuple[int, ...], key_prefix: KeyPrefix) -> None:
        self._redis = redis
        self.constants = constants
        """The values of the ledger's policy that every script receives; see the prelude."""
        self.key_prefix = key_prefix
        self.library, self._sources, self._library = _read_sources()
        self._uses_library = True
        """Until Redis refuses to load it: a user may lack the right to load functions."""
        self._waiting: list[_Call] = []
        self._senders: set[asyncio.Task[Any] | None] = set()
        self.clock = LedgerClock()
        self._clock_reading = _ClockReading(redis_ms=0, at=-math.inf)

    async def run(self, name: str, *arguments: Argument) -> Any:
        """The reply of the script `lua/NAME.lua`.

        Raises LedgerUnavailable if Redis cannot be reached. The script may have run nevertheless.
        """
        prefix = self.key_prefix.known or await self.key_prefix.find(self._redis)
        source, now = self._sources[name], self.clock.now_ms
        as_function = self._uses_library and name not in REPAIRS
        call = ("FCALL", source.function) if as_function else ("EVALSHA", source.sha)
        # The prefix is also the declared key, see `slot`. It never exists.
        head = (*call, 1, prefix, prefix, "" if now is None else now, *self.constants)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(head + arguments, source.alone, reply))
        if len(self._senders) < SENDERS:
            self._senders.add(asyncio.create_task(self._send_all()))
        return await reply

    async def older_libraries(self) -> list[str]:
        """The names of libraries that other releases have loaded.

        A process of theirs that finds its library gone loads it again.
        """
        pattern = f"{LIBRARY_PREFIX}*"
        libraries: Any = await self._redis.function_list(library=pattern)
        names = {library[b"library_name"] for library in libraries}
        return sorted(name.decode() for name in names - {self.library.encode()})

    async def delete_library(self, name: str) -> None:
        await self._redis.function_delete(name)

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
            replies = await self._execute([call.words for call in batch])
            unknown = [
                n
                for n, reply in enumerate(replies)
                if _is_missing(reply) or isinstance(reply, NoPermissionError)
            ]
            if unknown:  # a new release, a new server, or FUNCTION FLUSH or SCRIPT FLUSH
                load = ("FUNCTION", "LOAD", "REPLACE", self._library)
                loaded, *again = await self._execute(
                    [load, *(batch[n].with_source for n in unknown)]
                )
                self._note_refusal([loaded, *(replies[n] for n in unknown)])
                for n, reply in zip(unknown, again, strict=True):
                    replies[n] = reply
        except Exception as error:  # every caller must receive it
            replies = [error] * len(batch)
        for call, reply in zip(batch, replies, strict=True):
            _answer(call.reply, reply)

    def _note_refusal(self, replies: list[Any]) -> None:
        """The user may lack the right to load functions, or to call them."""
        errors = [it for it in replies if isinstance(it, ResponseError) and not _is_missing(it)]
        if errors and self._uses_library:
            self._uses_library = False
            log.warning("functions cannot be used, and scripts cost more", error=str(errors[0]))

    async def _execute(self, commands: list[Any]) -> list[Any]:
        """Like the pipeline of redis-py, but without its costs per call: a timer for the reply, and
        packing in Python. A call took 19 us with redis-py's, and about 11 with this."""
        packed = b"".join([hiredis.pack_command(words) for words in commands])
        pool: Any = self._redis.connection_pool
        connection = await pool.take()
        try:
            replies: list[Any] = await connection.retry.call_with_retry(
                lambda: _exchange(pool, connection, packed, len(commands)),
                lambda _: connection.disconnect(),
            )
        except BaseException:  # a reply may be on its way
            await connection.disconnect(nowait=True)
            await pool.release(connection)
            raise
        await pool.keep(connection)
        return replies


async def _exchange(
    pool: Any, connection: AbstractConnection, packed: bytes, count: int
) -> list[Any]:
    pool.check_open()
    await connection.send_packed_command(packed)
    async with asyncio.timeout(SOCKET_TIMEOUT):
        return [await _reply(connection) for _ in range(count)]


async def _reply(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(timeout=math.inf)
    except ResponseError as error:
        return error


def _is_missing(reply: Any) -> bool:
    """Whether Redis does not have the function or the script."""
    return isinstance(reply, NoScriptError) or (
        isinstance(reply, ResponseError) and str(reply).startswith("Function not found")
    )


def _answer(future: asyncio.Future[Any], reply: Any) -> None:
    if future.done():  # the caller was cancelled
        return
    if isinstance(reply, Exception) and is_away(reply):
        future.set_exception(unavailable(reply))
    elif isinstance(reply, Exception):
        future.set_exception(reply)
    else:
        future.set_result(reply)


class _Source(Struct, frozen=True):
    """One script, as a function of the library and as a script that stands alone."""

    function: str
    alone: str
    sha: str


def _read_sources() -> tuple[str, dict[str, _Source], str]:
    """The library's name, the scripts by name, and the library with all of them.

    The library's name has a digest of its text. So processes of several releases each find their
    own, and a new release replaces nothing that an older one still calls.
    """
    folder = resources.files("tasks.ledger") / "lua"
    shared = "".join((folder / name).read_text() for name in SHARED)
    bodies = {
        file.name.removesuffix(".lua"): file.read_text()
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if not file.name.startswith("_")
    }
    library = f"{LIBRARY_PREFIX}{_sha1(shared + ''.join(bodies.values()))[:12]}"
    functions = "".join(
        _FUNCTION.format(name=f"{library}_{name}", body=body, flags=_function_flags(name))
        for name, body in bodies.items()
    )
    sources = {}
    for name, body in bodies.items():
        alone = _ALONE.format(shebang=_shebang(name), shared=shared, body=body)
        sources[name] = _Source(f"{library}_{name}", alone, _sha1(alone))
    return library, sources, f"#!lua name={library}\n{shared}{functions}"


_ALONE = """{shebang}local script_arguments = ARGV
{shared}
local function main()
{body}end
begin_call(script_arguments)
local reply = main()
finish()
return reply
"""

_FUNCTION = """
do
local function main()
{body}end
redis.register_function{{function_name = '{name}', flags = {{{flags}}}, callback = function(_, args)
  begin_call(args)
  local reply = main()
  finish()
  return reply
end}}
end
"""


def _function_flags(name: str) -> str:
    if name in ADDS_WORK:
        return ""
    return "'no-writes'" if name in READS else "'allow-oom'"


def _shebang(name: str) -> str:
    """The first line of a script, by which Redis decides before its start whether it may run.

    Without one a script runs until its first command that Redis refuses.
    """
    if name in READS | REPAIRS:
        return ""
    return "#!lua\n" if name in ADDS_WORK else "#!lua flags=allow-oom\n"


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
