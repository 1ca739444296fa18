"""Connections that are closed whatever ends them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.fetch.addresses import (
    Address,
    NoSuchHost,
    Resolver,
    ResolverFailed,
    blocked,
    is_public,
    literal_address,
)


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


MAX_ADDRESSES = 4
"""How many of a host's addresses are tried."""

KEPT_CONNECTIONS = 20
KEPT_SECONDS = 15.0

_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ReadTimeout, httpx.ReadTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ReadError, httpx.ReadError),
    (httpcore.WriteError, httpx.WriteError),
    (httpcore.ProxyError, httpx.ProxyError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
)


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, whatever the name resolves to."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        allow_private: bool = False,
        inner: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._resolver = resolver
        self._allow_private = allow_private
        self._inner = inner or TidyBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._addresses(host, port)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    async def _addresses(self, host: str, port: int) -> list[Address]:
        """The addresses that may be connected to; those that are not public are passed over."""
        literal = literal_address(host)
        try:
            found = [literal] if literal else await self._resolver(host, port)
        except NoSuchHost as error:
            raise PermanentFailure(
                Reason.CONNECTION_FAILED, "There is no host of that name."
            ) from error
        except ResolverFailed as error:
            raise TransientFailure(
                Reason.CONNECTION_FAILED, "The host's name could not be resolved."
            ) from error
        allowed = [address for address in found if self._allow_private or is_public(address)]
        if found and not allowed:
            raise blocked()
        return allowed[:MAX_ADDRESSES]


class PoolTransport(httpx.AsyncBaseTransport):
    """A connection pool of httpcore, in the shape that httpx knows."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _httpx_errors():
            answer = await self._pool.handle_async_request(asked)
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Stream(answer),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors():
            async for part in self._answer.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._answer.aclose()


@contextmanager
def _httpx_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        for ours, theirs in _ERRORS:
            if isinstance(error, ours):
                raise theirs(str(error)) from error
        raise


def direct_transport(
    resolver: Resolver, *, allow_private: bool = False, ssl_context: ssl.SSLContext | None = None
) -> PoolTransport:
    """Connects to the sites themselves."""
    return PoolTransport(
        httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(),
            # Our own limits bound the requests; a second queue in here would only hide the waiting.
            max_connections=None,
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
            http2=True,
            network_backend=CheckedBackend(resolver, allow_private=allow_private),
        )
    )


def proxy_transport(proxy_url: str, *, ssl_context: ssl.SSLContext | None = None) -> PoolTransport:
    """Sends everything to the proxy, which resolves names and must refuse what is not public."""
    proxy = httpx.Proxy(proxy_url)
    return PoolTransport(
        httpcore.AsyncHTTPProxy(
            proxy_url=str(proxy.url),
            proxy_auth=proxy.raw_auth,
            # Its own, for httpcore writes into each which protocols it would speak.
            proxy_ssl_context=httpx.create_ssl_context() if proxy.url.scheme == "https" else None,
            ssl_context=ssl_context or httpx.create_ssl_context(),
            max_connections=None,
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
            http2=True,
            network_backend=TidyBackend(),
        )
    )
