"""Runs the ledger's Lua scripts, many in one round trip.

Calls that are made while a round trip is under way wait for its end and then go out together, so
the busier a process is, the fewer round trips it makes for each call.
"""

from __future__ import annotations

import asyncio
import hashlib
from importlib import resources
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from tasks.ledger.connection import UNAVAILABLE, unavailable

BATCH = 256
"""Calls in one round trip at the most, so that none waits long for the others."""

Argument = str | bytes | int


class LedgerClock(Struct, frozen=True):
    """Where a script takes the time from."""

    now_ms: int | None = None
    """None for the clock of the Redis server, the one clock that all processes share."""


class _Call(Struct):
    sha: str
    source: str
    arguments: tuple[Argument, ...]
    reply: asyncio.Future[Any]


class Scripts:
    """The scripts of `lua/`, by name, on one client."""

    def __init__(self, redis: Redis, constants: tuple[Argument, ...], key_prefix: str) -> None:
        self._redis = redis
        self._constants = constants
        self._key_prefix = key_prefix
        self._sources = _read_sources()
        self._waiting: list[_Call] = []
        self._sender: asyncio.Task[None] | None = None
        self.clock = LedgerClock()

    async def run(self, name: str, *arguments: Argument) -> Any:
        """The reply of the script `lua/NAME.lua`.

        Raises LedgerUnavailable if Redis cannot be reached. The script may have run all the same.
        """
        sha, source = self._sources[name]
        now = self.clock.now_ms
        head = (self._key_prefix, "" if now is None else now, *self._constants)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(sha, source, head + arguments, reply))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all())
        return await reply

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._send(batch)
        finally:
            self._sender = None

    async def _send(self, batch: list[_Call]) -> None:
        replies: list[Any]
        try:
            replies = await self._execute(batch)
            unknown = [n for n, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:  # a restart of Redis forgets all scripts
                await self._load({batch[n].source for n in unknown})
                again = await self._execute([batch[n] for n in unknown])
                for n, reply in zip(unknown, again, strict=True):
                    replies[n] = reply
        except (RedisError, OSError) as error:
            replies = [error] * len(batch)
        for call, reply in zip(batch, replies, strict=True):
            _answer(call.reply, reply)

    async def _execute(self, batch: list[_Call]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for call in batch:
            pipeline.execute_command("EVALSHA", call.sha, 0, *call.arguments)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies

    async def _load(self, sources: set[str]) -> None:
        for source in sources:
            await self._redis.script_load(source)


def _answer(future: asyncio.Future[Any], reply: Any) -> None:
    if future.done():  # its caller was cancelled
        return
    if isinstance(reply, UNAVAILABLE):
        future.set_exception(unavailable(reply))
    elif isinstance(reply, Exception):
        future.set_exception(reply)
    else:
        future.set_result(reply)


def _read_sources() -> dict[str, tuple[str, str]]:
    folder = resources.files("tasks.ledger") / "lua"
    prelude = (folder / "_prelude.lua").read_text()
    sources = {}
    for file in folder.iterdir():
        name = file.name.removesuffix(".lua")
        if not name.startswith("_"):
            source = prelude + file.read_text()
            sources[name] = (
                hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest(),
                source,
            )
    return sources
