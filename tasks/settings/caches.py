"""The settings of the caches in Redis: of what was fetched, and of what was analysed."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from tasks.settings.fetching import FetchSettings


class CacheSettings(FetchSettings, frozen=True, kw_only=True):
    """How much is remembered, and for how long."""

    http_cache_mb: Annotated[
        int,
        Meta(
            ge=0,
            description="Megabytes of Redis for what was fetched, shared by all workers; 0: off.",
        ),
    ] = 256
    http_cache_ttl: Annotated[
        int,
        Meta(
            ge=1,
            description=(
                "Seconds that a fetched document is kept, so that its site need only say whether "
                "it has changed."
            ),
        ),
    ] = 604_800
    http_cache_max_age: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "Seconds that a fetched document is used without asking, at the most, where its "
                "site allows that; 0: always ask."
            ),
        ),
    ] = 3600
    analysis_cache_mb: Annotated[
        int,
        Meta(
            ge=0,
            description="Megabytes of Redis for analyses, shared by all jobs; 0: off.",
        ),
    ] = 256
    analysis_cache_ttl: Annotated[
        int, Meta(ge=1, description="Seconds that an analysis is kept.")
    ] = 604_800
