"""Connections that are closed whatever ends them."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore


class TidyBackend(httpcore.AnyIOBackend):
    """httpcore's own network, whose streams are tidy."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return TidyStream(
            await super().connect_tcp(host, port, timeout, local_address, socket_options)
        )


class TidyStream(httpcore.AsyncNetworkStream):
    """Closes itself where TLS does not come about.

    httpcore closes it for an error but not for a cancellation, which is how a deadline ends: a site
    that hangs in the handshake would cost us a socket each time.
    """

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return TidyStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            await self._inner.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
