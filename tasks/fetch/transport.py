"""Connections to public addresses only, which are always closed.

The check is made for each connection, on the address that is connected to. A check of the name
before the request would not do: the name can resolve differently a moment later.
"""

from __future__ import annotations

import ssl
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import contextmanager
from typing import Any

import h2.exceptions
import httpcore
import httpx
import structlog

from tasks.errors import StepError
from tasks.fetch.addresses import Address, blocked, is_public, literal_address
from tasks.fetch.heads import HeadMender

log = structlog.get_logger(__name__)

Resolve = Callable[[str], Awaitable[Sequence[Address]]]
"""Returns a host's addresses, the best first. Raises StepError."""

MAX_ADDRESSES = 4
"""The number of a host's addresses that are tried."""

MAX_IDLE_CONNECTIONS = 20
KEEPALIVE_SECONDS = 15.0

MAX_READ_BYTES = 16_384
"""What httpcore parses at once, while nothing else runs. 64 KiB of chunks of one byte, or of empty
frames of HTTP/2, would take 0.07 s instead of 0.02 s."""


def direct_transport(
    resolve: Resolve, *, allow_private: bool = False, ssl_context: ssl.SSLContext | None = None
) -> PoolTransport:
    """Connects to the sites directly."""
    return PoolTransport(
        ExclusivePool(
            ssl_context=ssl_context or httpx.create_ssl_context(),
            # Our own limits bound the requests; a second queue here would only hide the waiting.
            max_connections=None,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            keepalive_expiry=KEEPALIVE_SECONDS,
            http2=True,
            network_backend=PublicBackend(resolve, allow_private=allow_private),
        )
    )


def proxy_transport(proxy_url: str, *, ssl_context: ssl.SSLContext | None = None) -> PoolTransport:
    """Sends all requests to the proxy, which resolves names and must refuse private addresses."""
    proxy = httpx.Proxy(proxy_url)
    return PoolTransport(
        ExclusiveProxyPool(
            proxy_url=str(proxy.url),
            proxy_auth=proxy.raw_auth,
            # A context of its own: httpcore sets the protocols of each connection in it.
            proxy_ssl_context=httpx.create_ssl_context() if proxy.url.scheme == "https" else None,
            ssl_context=ssl_context or httpx.create_ssl_context(),
            max_connections=None,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            keepalive_expiry=KEEPALIVE_SECONDS,
            http2=True,
            network_backend=ClosingBackend(),
        )
    )


class PoolTransport(httpx.AsyncBaseTransport):
    """A connection pool of httpcore as a transport of httpx."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        core_request = httpcore.Request(
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
            response = await self._pool.handle_async_request(core_request)
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Stream(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors():
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        with _httpx_errors():
            await self._response.aclose()


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
    # These two pass through httpcore while a body is read.
    (httpcore.ConnectionNotAvailable, httpx.RemoteProtocolError),
    (h2.exceptions.ProtocolError, httpx.RemoteProtocolError),
)


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Raises each error of httpcore as one of httpx, also those that it does not declare: such as
    the ValueError for a status that is no number. Step errors pass."""
    try:
        yield
    except StepError:
        raise
    except Exception as error:
        for core_error, httpx_error in _ERRORS:
            if isinstance(error, core_error):
                raise httpx_error(str(error)) from error
        log.warning("unexpected error of httpcore", exc_info=True)
        raise httpx.RemoteProtocolError(str(error)) from error


class ExclusivePool(httpcore.AsyncConnectionPool):
    """A pool whose connections carry one request at a time, those of HTTP/2 too.

    A body that is not read to its end, or an error, then closes the connection at no cost to other
    requests. httpcore would go on using a connection of HTTP/2: what the site still sends of the
    abandoned body fills the connection's flow-control window, until a later request hangs.
    """

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return ExclusiveConnection(super().create_connection(origin))


class ExclusiveProxyPool(ExclusivePool, httpcore.AsyncHTTPProxy):
    """The same, through a proxy."""


class ExclusiveConnection(httpcore.AsyncConnectionInterface):
    """A connection that carries one request at a time, and is closed if one does not complete."""

    def __init__(self, inner: httpcore.AsyncConnectionInterface) -> None:
        self._inner = inner
        self._is_new = True
        self._is_busy = False

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        if self._is_busy:
            raise httpcore.ConnectionNotAvailable  # the pool looks for another one
        self._is_new, self._is_busy = False, True
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException:
            await self.release(is_complete=False)
            raise
        return httpcore.Response(
            response.status,
            headers=response.headers,
            content=_ExclusiveBody(response, self),
            extensions=response.extensions,
        )

    async def release(self, *, is_complete: bool) -> None:
        """Ends the request."""
        try:
            if not is_complete:
                await self._inner.aclose()
        finally:
            self._is_busy = False

    async def aclose(self) -> None:
        await self._inner.aclose()

    def info(self) -> str:
        return self._inner.info()

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return self._inner.can_handle_request(origin)

    def is_available(self) -> bool:
        return self._is_new or (not self._is_busy and self._inner.is_available())

    def has_expired(self) -> bool:
        return not self._is_busy and self._inner.has_expired()

    def is_idle(self) -> bool:
        return not self._is_busy and self._inner.is_idle()

    def is_closed(self) -> bool:
        return self._inner.is_closed()


class _ExclusiveBody:
    """A body that ends its connection's request when it is closed."""

    def __init__(self, response: httpcore.Response, connection: ExclusiveConnection) -> None:
        self._response = response
        self._connection = connection
        self._is_complete = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._response.aiter_stream():
            yield part
        self._is_complete = True

    async def aclose(self) -> None:
        try:
            await self._response.aclose()
        finally:
            await self._connection.release(is_complete=self._is_complete)


class PublicBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, whatever the name resolves to."""

    def __init__(
        self,
        resolve: Resolve,
        *,
        allow_private: bool = False,
        inner: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._inner = inner or ClosingBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._addresses(host)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    async def _addresses(self, host: str) -> list[Address]:
        """The addresses that we may connect to, without those that are not public."""
        literal = literal_address(host)
        addresses = [literal] if literal else await self._resolve(host)
        allowed = [address for address in addresses if self._allow_private or is_public(address)]
        if addresses and not allowed:
            raise blocked()
        return allowed[:MAX_ADDRESSES]


class ClosingBackend(httpcore.AnyIOBackend):
    """httpcore's own backend, with streams that close themselves."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return ClosingStream(
            await super().connect_tcp(host, port, timeout, local_address, socket_options)
        )


class ClosingStream(httpcore.AsyncNetworkStream):
    """Closes itself if the TLS handshake does not succeed, and mends the heads of responses.

    httpcore closes it on an error but not on a cancellation, which is how a deadline ends: a site
    that hangs in the handshake would leak a socket each time.
    """

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._mender = HeadMender()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return ClosingStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            await self._inner.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            data = await self._inner.read(min(max_bytes, MAX_READ_BYTES), timeout)
            passed_on = self._mender.feed(data) if data else self._mender.flush()
            if passed_on or not data:
                return passed_on

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._mender.request_sent()
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
