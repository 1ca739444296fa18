"""The client's calls for whoever runs the service, and what it reads of their answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote

from msgspec import Struct

from app.cli.answers import Answer, Handled
from app.cli.client import Service
from app.cli.surroundings import Surroundings
from tasks.settings import read_settings

Operation = Literal["cancel", "retry", "purge"]

_PAGE = 100


class QueueReport(Struct, frozen=True, kw_only=True):
    paused: bool
    active_jobs: int = 0
    queued: int = 0
    wakeups: dict[str, int] = {}
    running: int = 0
    outstanding: int = 0
    oldest_queued_seconds: float | None = None
    workers: int = 0


class Paused(Struct, frozen=True, kw_only=True):
    paused: bool


class Worker(Struct, frozen=True, kw_only=True):
    worker_id: str
    seen_at: dt.datetime | None = None
    slots: int = 0
    running: int = 0
    draining: bool = False


class WorkerListing(Struct, frozen=True, kw_only=True):
    workers: tuple[Worker, ...]


class HandledPage(Struct, frozen=True, kw_only=True):
    jobs: tuple[Handled, ...]
    next_cursor: str | None = None


class AdminService(Service):
    """The web service, as whoever runs it asks it."""

    def queue(self) -> Answer[QueueReport]:
        return self._call("GET", "/queue", QueueReport)

    def pause(self) -> Answer[Paused]:
        return self._call("POST", "/queue/pause", Paused)

    def resume(self) -> Answer[Paused]:
        return self._call("POST", "/queue/resume", Paused)

    def workers(self) -> Answer[WorkerListing]:
        return self._call("GET", "/workers", WorkerListing)

    def drain(self, worker: str) -> Answer[Worker]:
        return self._call("POST", f"/workers/{quote(worker, safe='')}/drain", Worker)

    def handle(
        self, operation: Operation, selection: Mapping[str, Any]
    ) -> Iterator[Answer[HandledPage]]:
        """Does it to the selected jobs, a page at a time."""
        cursor = None
        while True:
            request = {**selection, "limit": _PAGE} | ({"cursor": cursor} if cursor else {})
            page = self._call("POST", f"/jobs/{operation}", HandledPage, json=request)
            yield page
            cursor = page.body.next_cursor
            if cursor is None:
                return


def open_admin(around: Surroundings, url: str | None) -> AdminService:
    """The service at this address, else at CURATOR_URL."""
    return AdminService(url or read_settings(around.environ).curator_url, around.transport)
