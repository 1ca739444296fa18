"""The job id in a path."""

from __future__ import annotations

import re
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from tasks.errors import UnknownJob

JOB_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_job_id(text: str) -> bool:
    return JOB_ID.fullmatch(text) is not None


def require_job_id(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard: what is not an id names no job, and must not become part of a key."""
    if not is_job_id(connection.path_params.get("job_id", "")):
        raise UnknownJob
