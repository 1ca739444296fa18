"""What the operator decides about fetching, as values."""

from __future__ import annotations

from msgspec import Struct

SLOT_MARGIN_SECONDS = 5.0
"""How long a slot of a host outlasts the longest fetch: its request has ended by then."""


class FetchPolicy(Struct, frozen=True, kw_only=True):
    """The limits, the identity and the reach of one fetcher. Built once, at start."""

    concurrency: int
    """Requests of this process at once."""
    concurrency_per_host: int
    """Requests of all workers together to one host at once."""
    interval_per_host: float
    """Seconds between the starts of two requests to one host, at least."""
    timeout: float
    """Seconds for one fetch, redirects included."""
    max_bytes: int
    """Decompressed bytes of one body."""
    user_agent: str
    egress_proxy: str | None
    """The URL of an HTTP proxy for all requests; None: sites are asked directly."""
    allow_private_addresses: bool
    """Whether addresses that are not public may be fetched."""
    cache_ttl: float
    """Seconds that a fetched document is stored."""
    cache_max_age: float
    """Seconds that a stored document is used without revalidation, at most."""

    @property
    def slot_seconds(self) -> float:
        """How long a request may hold one of its host's slots."""
        return self.timeout + SLOT_MARGIN_SECONDS
