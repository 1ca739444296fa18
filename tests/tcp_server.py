"""A server on loopback that closes every connection, whenever its test ends."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


@asynccontextmanager
async def tcp_server(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Its port. At the end, handlers that still run are cancelled.

    A handler that is cancelled before its first step closes nothing, so this does.
    """
    handling: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handler(reader, writer))
        handling.add(task)
        task.add_done_callback(partial(end, writer))

    def end(writer: asyncio.StreamWriter, task: asyncio.Task[None]) -> None:
        handling.discard(task)
        if task.cancelled() or task.exception():
            writer.transport.abort()
        else:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(handling):
            task.cancel()
        await asyncio.gather(*handling, return_exceptions=True)
        await server.wait_closed()
