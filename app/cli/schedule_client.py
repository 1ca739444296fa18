"""The client's calls about schedules, and what it reads of their answers."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from app.cli.answers import Answer
from app.cli.client import Service
from app.cli.surroundings import Surroundings
from tasks.job import JobType
from tasks.settings import read_settings


class Schedule(Struct, frozen=True, kw_only=True):
    schedule_id: uuid.UUID
    name: str | None = None
    cron: str
    time_zone: str = "UTC"
    missed: str = "run_once"
    type: JobType
    created_at: dt.datetime | None = None
    next_run_at: dt.datetime | None = None
    last_run_at: dt.datetime | None = None
    """None before the first."""
    last_job_id: str | None = None
    last_error: str | None = None
    """Why the last run was refused its job."""


class ScheduleListing(Struct, frozen=True, kw_only=True):
    schedules: tuple[Schedule, ...]
    next_cursor: str | None = None


class ScheduleService(Service):
    """The web service, where schedules are asked for."""

    def add(self, request: Mapping[str, Any]) -> Answer[Schedule]:
        return self._call("POST", "/schedules", Schedule, json=request)

    def schedules(self, limit: int, cursor: str | None) -> Answer[ScheduleListing]:
        """A page of schedules, newest first."""
        query: dict[str, Any] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        return self._call("GET", "/schedules", ScheduleListing, params=query)

    def schedule(self, schedule_id: uuid.UUID) -> Answer[Schedule]:
        return self._call("GET", f"/schedules/{schedule_id}", Schedule)

    def remove(self, schedule_id: uuid.UUID) -> None:
        self._send("DELETE", f"/schedules/{schedule_id}")


def open_schedules(around: Surroundings, url: str | None) -> ScheduleService:
    """The service at this address, else at CURATOR_URL."""
    return ScheduleService(url or read_settings(around.environ).curator_url, around.transport)
