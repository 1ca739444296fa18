"""The connection to Redis, and which errors mean that Redis is unavailable."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import (
    InvalidResponse,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from tasks.errors import InvalidSettings, LedgerUnavailable
from tasks.ledger.slot import Slot, SlotConnection, SlotTLSConnection
from tasks.redis_url import DEFAULT_KEY_PREFIX, shown

UNAVAILABLE = (
    RedisConnectionError,
    RedisTimeoutError,
    OutOfMemoryError,  # Redis evicts nothing, so it refuses writes
    ReadOnlyError,  # a replica, during a failover
    MasterDownError,
    InvalidResponse,  # another program listens there
    OSError,
)

TRANSIENT_REFUSAL = re.compile(
    r"(^|caused error: \(.)(BUSY|MISCONF|NOREPLICAS|UNBLOCKED) |^DB index is out of range"
)
"""Temporary refusals for which the client library has no class: another client's script runs for
too long, the disk is full, there are too few replicas, the server became a replica while we waited,
or it is configured with fewer databases. In a pipeline the library puts the command before the text
of the reply."""

REFUSALS = {
    "OOM": "The ledger's memory is full. It takes jobs again when some have expired or are purged.",
    "READONLY": "The ledger is read-only at the moment.",
    "MISCONF": "The ledger cannot save anything at the moment.",
    "NOREPLICAS": "The ledger takes nothing at the moment: too few of its replicas are connected.",
}
"""What a client is told whose write was refused with this code. Reads may still work."""

SOCKET_TIMEOUT = 5.0
"""Seconds to wait for one reply. None of our commands blocks for longer."""


KEPT_CONNECTIONS = 2
"""Of one client: as many as there are round trips of scripts at once."""


class ConnectionPool(BlockingConnectionPool):
    """Once a connection has died, those that were idle then are opened anew before their next use.

    Where the network drops packets silently, each of them would otherwise cost one more caller
    SOCKET_TIMEOUT and an error, long after the network has recovered.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._suspects: set[AbstractConnection] = set()
        self._kept: list[AbstractConnection] = []
        self.closed = False

    async def take(self) -> AbstractConnection:
        """A connection for one exchange, to be given back to `keep`, or to `release` if it failed.

        `get_connection` asks the system each time whether there is something to read.
        """
        self.check_open()
        if not self._kept:
            get_connection: Callable[[], Awaitable[AbstractConnection]] = self.get_connection
            return await get_connection()
        connection = self._kept.pop()
        if connection in self._suspects:
            self._suspects.discard(connection)
            await connection.disconnect(nowait=True)  # it is opened anew when it is written to
        return connection

    def check_open(self) -> None:
        """Raises ConnectionError once the client is closed.

        A call that is repeated after that would open a connection, and leave it open.
        """
        if self.closed:
            raise RedisConnectionError("The client is closed.")

    async def keep(self, connection: AbstractConnection) -> None:
        if len(self._kept) < KEPT_CONNECTIONS:
            self._kept.append(connection)
        else:
            await self.release(connection)

    # Both return the coroutine of the library: one of their own would cost each call of a script.

    def ensure_connection(self, connection: AbstractConnection) -> Coroutine[Any, Any, None]:
        if connection in self._suspects:
            return self._reopen(connection)
        return super().ensure_connection(connection)

    def release(self, connection: AbstractConnection) -> Coroutine[Any, Any, None]:
        if not connection.is_connected:
            self._suspects.update(self._available_connections, self._kept)
        return super().release(connection)

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Closes the connections in a way that a cancellation cannot interrupt.

        The library starts a task for each, and one that is cancelled before its first step leaves
        its connection open.
        """
        self.closed = True
        used = self._in_use_connections if inuse_connections else ()
        for connection in [*self._available_connections, *used]:
            await connection.disconnect(nowait=True)  # which nothing suspends
        await asyncio.sleep(0)  # in which the sockets are closed

    async def _reopen(self, connection: AbstractConnection) -> None:
        self._suspects.discard(connection)
        await connection.disconnect(nowait=True)
        await super().ensure_connection(connection)


class Client(Redis):
    """Closes its connections for certain at the end of `async with`; the library's does not where
    it is cancelled at that moment."""

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def connect(url: str, *, key_prefix: str = DEFAULT_KEY_PREFIX, max_connections: int = 16) -> Redis:
    """A client that a whole process shares.

    After a restart of Redis the first call on each pooled connection fails, so calls are repeated:
    every script of the ledger may run twice. A call that timed out is not repeated, because a
    caller would wait four times for a Redis that hangs. If all connections are in use, a caller
    waits for one. In a cluster it follows the slot of the keys with this prefix. Raises
    InvalidSettings if the URL has an option that there is not.
    """
    try:
        pool = ConnectionPool(
            **_where(url, key_prefix),
            max_connections=max_connections,
            timeout=SOCKET_TIMEOUT,
            socket_timeout=SOCKET_TIMEOUT,
            socket_connect_timeout=SOCKET_TIMEOUT,
            health_check_interval=15,
            retry=Retry(
                ExponentialBackoff(cap=0.2, base=0.02),
                retries=3,
                supported_errors=(RedisConnectionError,),
            ),
            protocol=3,
            # Both would cost a new connection a round trip each. With the first, the pool would
            # also give out connections that the server has closed, or that hold the rest of a
            # reply.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
            driver_info=None,
        )
        pool.connection_class(**pool.connection_kwargs)  # which is where options are checked
    except (TypeError, ValueError, RedisError) as error:
        problem = re.sub(r".* unexpected keyword argument", "there is no option", str(error))
        raise InvalidSettings(f"REDIS_URL={shown(url)!r}: {problem}") from error
    return Client.from_pool(pool)


def _where(url: str, key_prefix: str) -> dict[str, Any]:
    """The options of a connection that this URL has."""
    options: dict[str, Any] = dict(parse_url(url))
    followed = _FOLLOWING.get(options.get("connection_class", Connection))
    if followed:  # there is no cluster at a socket in the file system
        options |= {"connection_class": followed, "slot": Slot(key_prefix)}
    return options


_FOLLOWING = {Connection: SlotConnection, SSLConnection: SlotTLSConnection}


def is_away(error: BaseException) -> bool:
    """Whether this error means that Redis cannot serve us now, but may later."""
    refused = isinstance(error, ResponseError) and TRANSIENT_REFUSAL.search(str(error)) is not None
    return refused or isinstance(error, UNAVAILABLE)


def unavailable(cause: BaseException) -> LedgerUnavailable:
    error = LedgerUnavailable(_refusal(cause))
    error.__cause__ = cause
    return error


@contextmanager
def redis_errors_as_unavailable() -> Iterator[None]:
    """Raises LedgerUnavailable for errors which mean that Redis is unavailable."""
    try:
        yield
    except (RedisError, OSError) as error:
        if is_away(error):
            raise unavailable(error) from error
        raise


def _refusal(error: BaseException) -> str | None:
    """Why Redis refused a write; None if it could not be reached."""
    if isinstance(error, OutOfMemoryError):
        return REFUSALS["OOM"]
    if isinstance(error, ReadOnlyError):
        return REFUSALS["READONLY"]
    refusal = TRANSIENT_REFUSAL.search(str(error))
    return REFUSALS.get(refusal[2]) if refusal else None
