"""The bounds on connections: how many there may be, and how long a request may take to arrive.

uvicorn bounds neither. 1,100 clients that each sent half a request (slowloris) used up the file
descriptors of the process, and shut out all others for as long as they liked.

A connection is *waiting* while the next thing must come from its client: a request, the rest of
one, or the end of the connection. Each such wait has a limit. If there are too many connections,
the one that has waited longest is closed, so that new clients are still served. A connection with a
request in progress is busy, and is never closed: a long poll or a download may take its time, as
long as its client reads what is sent.

Requests are in memory from their arrival to their response, so their bytes are bounded too. Above
the limit the peer that sends most is refused what the application has not begun to use.
"""

from __future__ import annotations

import asyncio
import enum
import resource
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

import h11
import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from app.http.callers import network_of
from app.http.problems import MEDIA_TYPE, PROBLEMS, ProblemType
from tasks.errors import LedgerUnavailable

log = structlog.get_logger(__name__)

OTHER_FILES = 200
"""File descriptors for all but the connections of clients: Redis, logs, modules, exporters."""

SPARED_SHARE = 1 / 8
"""Of all bytes of requests: a peer with no more is not refused."""

REPORT_INTERVAL_SECONDS = 60.0
"""An attack closes thousands of connections; the log has their number this often."""


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """How many connections there may be, and the seconds that each wait for a client may take."""

    max_connections: int
    max_per_peer: int
    """Connections from one address, or from one /64 network of IPv6, which one client may own."""
    header_timeout: float
    """From the first byte of a request, or the start of the connection, to the header's end."""
    body_timeout: float
    """From the end of the header to the end of the body."""
    send_timeout: float
    """Without the client reading anything of what is sent."""
    request_bytes: int
    """Of the requests of all connections together. Each takes up to four times as much memory."""


def bounded_protocol(limits: ConnectionLimits) -> type[H11Protocol]:
    """The `http` option of uvicorn, for one server."""
    files = _allow_open_files(limits.max_connections + OTHER_FILES)
    possible = max(1, min(limits.max_connections, files - OTHER_FILES))

    class ServerProtocol(BoundedProtocol):
        connections_of_server = Connections(replace(limits, max_connections=possible))

    return ServerProtocol


class Connections:
    """The open connections of one server, those that wait in the order since when they do."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: set[BoundedProtocol] = set()
        self._waiting: dict[BoundedProtocol, None] = {}
        self._per_peer: Counter[str] = Counter()
        self._sizes: dict[BoundedProtocol, int] = {}
        """The bytes of the requests that have not been answered."""
        self._bytes, self._bytes_per_peer = 0, Counter[str]()
        self._closed = 0
        self._reported_at = -REPORT_INTERVAL_SECONDS

    def admit(self, connection: BoundedProtocol) -> bool:
        """Adds a connection, for which another may be closed. False: all others are busy."""
        peer = connection.peer
        if self._per_peer[peer] >= self.limits.max_per_peer:
            same_peer = (waiting for waiting in self._waiting if waiting.peer == peer)
            if not self._close_first(same_peer):
                return False
        if len(self._open) >= self.limits.max_connections and not self._close_first(self._waiting):
            return False
        self._open.add(connection)
        self._waiting[connection] = None
        self._per_peer[peer] += 1
        return True

    def mark(self, connection: BoundedProtocol, *, waiting: bool) -> None:
        """A connection that waits already keeps its place."""
        if connection in self._open and waiting:
            self._waiting.setdefault(connection)
        else:
            self._waiting.pop(connection, None)

    def receive(self, connection: BoundedProtocol, size: int) -> None:
        """Adds bytes of a request. If all have too many, requests of large senders are refused."""
        self._sizes[connection] = self._sizes.get(connection, 0) + size
        self._bytes_per_peer[connection.peer] += size
        self._bytes += size
        while self._bytes > self.limits.request_bytes and (request := self._refusable()):
            self.forget_request(request)
            request.refuse()
            self._report()

    def _refusable(self) -> BoundedProtocol | None:
        """The oldest request of the peer with the most bytes. A peer with few of them is spared:
        others may hold the rest in requests that can no longer be refused."""
        for peer, size in self._bytes_per_peer.most_common():
            if size <= self.limits.request_bytes * SPARED_SHARE:
                break
            for request in self._sizes:
                if request.peer == peer and request.is_unused:
                    return request
        return None

    def forget_request(self, connection: BoundedProtocol) -> None:
        """After its response, or the end of the connection."""
        if size := self._sizes.pop(connection, 0):
            self._bytes -= size
            self._bytes_per_peer[connection.peer] -= size
            if not self._bytes_per_peer[connection.peer]:
                del self._bytes_per_peer[connection.peer]

    def discard(self, connection: BoundedProtocol) -> None:
        self.forget_request(connection)
        if connection in self._open:
            self._open.remove(connection)
            self._waiting.pop(connection, None)
            self._per_peer[connection.peer] -= 1
            if not self._per_peer[connection.peer]:
                del self._per_peer[connection.peer]

    def _close_first(self, candidates: Iterable[BoundedProtocol]) -> bool:
        for connection in candidates:
            self.discard(connection)  # now: the loop reports its end only later
            connection.transport.abort()
            self._report()
            return True
        self._report()
        return False

    def _report(self) -> None:
        self._closed += 1
        if time.monotonic() - self._reported_at >= REPORT_INTERVAL_SECONDS:
            log.warning("too many connections, some are closed", closed=self._closed)
            self._reported_at, self._closed = time.monotonic(), 0


class Phase(enum.Enum):
    """What a connection waits for."""

    IDLE = enum.auto()
    """The next request; nothing of it has arrived yet."""
    HEADER = enum.auto()
    BODY = enum.auto()
    RESPONSE = enum.auto()
    """The response of the application."""
    READER = enum.auto()
    """The client, which must read what was sent before more can be sent."""
    END = enum.auto()
    """The client, which must read the rest: the connection is being closed."""


IN_MEMORY = (Phase.BODY, Phase.RESPONSE)
"""The phases in which a request is in memory."""

WAITING = (Phase.IDLE, Phase.HEADER, Phase.BODY, Phase.END)


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol on h11, with a limit for each wait and a place among the connections."""

    connections_of_server: ClassVar[Connections]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = StrictConnection(h11.SERVER)
        self.peer = ""
        self._limits = self.connections_of_server.limits
        self._phase = Phase.IDLE
        self._timer: asyncio.TimerHandle | None = None
        self._unsent = 0
        """Bytes that the client had not read when the timer was started."""

    # The events of uvicorn's protocol

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.peer = network_of(self.client[0] if self.client else "")
        if self.connections_of_server.admit(self):
            self._start_timer(self._limits.header_timeout)
        else:
            self._refuse(PROBLEMS[LedgerUnavailable])

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()
        self.connections_of_server.discard(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._follow(Phase.HEADER)
        if self._phase in IN_MEMORY:
            self.connections_of_server.receive(self, len(data))

    @property
    def is_unused(self) -> bool:
        """Whether the application has not got the whole request yet."""
        cycle = self.cycle
        return bool(cycle and not cycle.response_started and (cycle.more_body or cycle.body))

    def refuse(self) -> None:
        self._refuse(PROBLEMS[LedgerUnavailable])
        if self.cycle is not None:
            self.cycle.body = bytearray()  # now: many may arrive before the application ends

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._follow(Phase.IDLE)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._follow(Phase.HEADER)

    def resume_writing(self) -> None:
        super().resume_writing()
        # Something of the next request may have arrived meanwhile, so this is not IDLE.
        self._follow(Phase.HEADER)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._follow(Phase.END)

    def send_400_response(self, msg: str) -> None:
        self._refuse(PROBLEMS[400], msg)
        log.info("request refused", status=400, peer=self.peer, reason=msg)

    # Phases and their limits

    def _follow(self, between_requests: Phase) -> None:
        """Enters the phase that h11 and the transport are in now.

        A phase that continues keeps its timer: a client gains no time with single bytes.
        """
        phase = self._current_phase(between_requests)
        if phase is self._phase:
            return
        if phase not in IN_MEMORY:
            self.connections_of_server.forget_request(self)
        self._phase = phase
        self.connections_of_server.mark(self, waiting=phase in WAITING)
        self._stop_timer()
        match phase:
            case Phase.HEADER:
                self._start_timer(self._limits.header_timeout)
            case Phase.BODY:
                self._start_timer(self._limits.body_timeout)
            case Phase.READER | Phase.END:
                self._start_timer(self._limits.send_timeout)

    def _current_phase(self, between_requests: Phase) -> Phase:
        if self.flow.write_paused:
            return Phase.READER
        if self.transport.is_closing():
            return Phase.END
        if self.conn.their_state is h11.IDLE:
            return between_requests
        return Phase.BODY if self.conn.their_state is h11.SEND_BODY else Phase.RESPONSE

    def _start_timer(self, seconds: float) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._timer = self.loop.call_later(seconds, self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        match self._phase:
            case Phase.READER | Phase.END:
                if 0 < self.transport.get_write_buffer_size() < self._unsent:
                    self._start_timer(self._limits.send_timeout)
                else:
                    self.transport.abort()
            case Phase.HEADER | Phase.BODY:
                self._refuse(PROBLEMS[408])
                log.info("request refused", status=408, peer=self.peer)
            case _:
                self.transport.close()
                self._follow(Phase.END)

    def _refuse(self, problem: ProblemType, detail: str = "") -> None:
        """Answers in place of the application, unless that has begun to, and closes."""
        cycle = self.cycle
        responding = cycle is not None and cycle.response_started
        if responding and cycle.response_complete:
            responding = self._phase is Phase.BODY  # it was answered before it had arrived
        if not responding:
            self.transport.write(_response(problem, detail or problem.advice))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # the application must not answer too
            cycle.message_event.set()
        self.transport.close()
        self._follow(Phase.END)


class StrictConnection(h11.Connection):
    """Refuses a request whose length is given twice.

    h11 would go by Transfer-Encoding, a proxy before us perhaps by Content-Length: what one takes
    for the body, the other would take for the next request (request smuggling, RFC 9112 §6.3).
    """

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if {b"content-length", b"transfer-encoding"} <= names:
                raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")
        return event


def _response(problem: ProblemType, detail: str) -> bytes:
    """A problem document as a whole response, after which the connection is closed."""
    document = msgspec.json.encode(
        {
            "type": problem.type,
            "title": problem.title,
            "status": problem.status,
            "detail": detail,
        }
    )
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(document)),
        "Cache-Control": "no-store",
        "Connection": "close",
    }
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    phrase = STATUS_PHRASES[problem.status].decode()
    head = f"HTTP/1.1 {problem.status} {phrase}\r\n{''.join(lines)}\r\n"
    return head.encode() + document


def _allow_open_files(count: int) -> int:
    """Raises the soft limit of open files, often 1,024 or 256, as far as the hard limit allows.

    Returns how many of these files may now be open.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        count = min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return count
