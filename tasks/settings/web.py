"""The settings of the web service, and of the command that talks to it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from tasks.settings.storage import StorageSettings


class WebSettings(StorageSettings, frozen=True, kw_only=True):
    """Where web listens, and what it accepts."""

    http_host: Annotated[
        str, Meta(min_length=1, description="The address that web listens on.")
    ] = "127.0.0.1"
    http_port: Annotated[int, Meta(ge=0, le=65535, description="The port that web listens on.")] = (
        8000
    )
    curator_url: Annotated[
        str, Meta(pattern="^https?://", description="The web service that `curator jobs` talks to.")
    ] = "http://127.0.0.1:8000"
    max_body_bytes: Annotated[
        int, Meta(ge=1000, description="The largest request body that web accepts.")
    ] = 1_000_000
