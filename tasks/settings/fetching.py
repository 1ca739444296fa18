"""The settings of fetching: how much at once, how politely, and what may be reached."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from tasks.settings.declared import SECRET
from tasks.settings.sources import SourceSettings


class FetchSettings(SourceSettings, frozen=True, kw_only=True):
    """How pages, feeds and robots.txt are fetched."""

    fetch_concurrency: Annotated[int, Meta(ge=1, description="Requests of one worker at once.")] = (
        32
    )
    fetch_concurrency_per_host: Annotated[
        int, Meta(ge=1, description="Requests of all workers together to one host at once.")
    ] = 2
    fetch_delay_per_host: Annotated[
        float,
        Meta(
            ge=0,
            le=30,
            description=(
                "Seconds between the starts of two requests to one host, of all workers together; "
                "more where its robots.txt asks for more."
            ),
        ),
    ] = 0.25
    fetch_timeout: Annotated[
        float, Meta(gt=0, description="Seconds for one fetch, redirects included.")
    ] = 30.0
    fetch_max_bytes: Annotated[
        int, Meta(ge=1000, description="Decompressed bytes of one body.")
    ] = 5_000_000
    user_agent: Annotated[
        str,
        Meta(
            min_length=1,
            description="How we present ourselves to sites; robots.txt is read for its first word.",
        ),
    ] = "content-curator/0.1"
    egress_proxy: Annotated[
        Annotated[str, Meta(pattern="^https?://")] | None,
        Meta(
            description="An HTTP proxy for everything that is fetched; it resolves names itself.",
            extra=SECRET,
        ),
    ] = None
    allow_private_addresses: Annotated[
        bool,
        Meta(
            description="Whether addresses that are not public may be fetched. For local work only."
        ),
    ] = False
