"""What a page of the sample web answers, as data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One HTTP answer, well or badly behaved."""

    status: int = 200
    content_type: str = HTML
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    """Instead of `body`: sent as it comes, ended by closing the connection."""
    promised_bytes: int | None = None
    """A Content-Length longer than the body: the connection is closed before it is kept."""
    wait_seconds: float = 0.0
    """How long the client is kept waiting for the first byte."""

    @property
    def orderly(self) -> bool:
        """Whether the connection can serve another request after this one."""
        return self.stream is None and self.promised_bytes is None and not self.wait_seconds


def text(status: int, words: str, **headers: str) -> Reply:
    """A plain sentence. Header names are written with underscores."""
    return Reply(
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=f"{words}\n".encode(),
    )


def redirect(location: str) -> Reply:
    return Reply(status=302, headers={"Location": location})
