"""The job id in a path."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from tasks.errors import UnknownJob
from tasks.job import is_job_id


def require_job_id(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard: what is not an id names no job, and must not become part of a key."""
    if not is_job_id(connection.path_params.get("job_id", "")):
        raise UnknownJob
