"""Ids of jobs and schedules as a user gives them: whole, or only their beginning or end.

An id begins with its time, so ids of the same minute begin alike. Its last group is random: that is
what listings on a terminal show, and its beginning is enough too. Completion suggests whole ids.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import httpx
from click.shell_completion import CompletionItem

from app.cli.client import ApiClient, open_client
from app.cli.context import CliContext, Command
from app.cli.exits import CommandError, InvalidUsage
from app.cli.terminal import printable
from tasks.errors import CuratorError
from tasks.jobs.ids import is_job_id
from tasks.jobs.job import JobState

SEARCHED_JOBS = 1000
"""The most recent jobs, among which the end of an id is looked for."""

MAX_SUGGESTIONS = 100

_SUGGESTION_TIMEOUT = httpx.Timeout(2.0)
"""Seconds: the user waits at the prompt."""

_SHORTEST = 4
"""Characters of an id that must be given."""

_LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

_MAX_NAMED = 5
"""Ids that the message on an ambiguous one names."""


class _IdType(click.ParamType[str]):
    """An id of a job or a schedule, or its beginning or end. Completion asks the web service."""

    def __init__(self, name: str, suggest: Callable[[ApiClient], Iterable[CompletionItem]]) -> None:
        self.name = name
        self._suggest = suggest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip().lower()
        try:
            return str(uuid.UUID(text))
        except ValueError:
            pass
        if not re.fullmatch(f"[0-9a-f-]{{{_SHORTEST},36}}", text):
            self.fail(
                f"{value!r} is not the id of a {self.name}: give the whole id, or at least "
                f"{_SHORTEST} characters of its beginning or end.",
                param,
                ctx,
            )
        return text

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        context = ctx.obj
        if not isinstance(context, CliContext):
            return []
        try:
            with open_client(context, ctx.params.get("server"), _SUGGESTION_TIMEOUT) as client:
                suggestions = list(self._suggest(client))
        except (CommandError, CuratorError):  # completion has no place for a message
            return []
        return [item for item in suggestions if _matches(item.value, incomplete.lower())]


def _jobs(client: ApiClient) -> Iterable[CompletionItem]:
    for job in client.list_jobs(tuple(JobState), (), MAX_SUGGESTIONS).body.jobs:
        yield CompletionItem(job.job_id, help=printable(f"{job.state} {job.about or job.type}"))


def _schedules(client: ApiClient) -> Iterable[CompletionItem]:
    for schedule in client.list_schedules().body.schedules:
        about = schedule.name or schedule.type
        yield CompletionItem(schedule.schedule_id, help=printable(f"{schedule.cron} {about}"))


JOB_ID = _IdType("job", _jobs)
SCHEDULE_ID = _IdType("schedule", _schedules)

job_id_argument: Callable[[Command], Command] = click.argument("job_id", type=JOB_ID)
schedule_id_argument: Callable[[Command], Command] = click.argument("schedule_id", type=SCHEDULE_ID)
schedule_ids_argument: Callable[[Command], Command] = click.argument(
    "schedule_ids", metavar="SCHEDULE_ID...", type=SCHEDULE_ID, nargs=-1, required=True
)


def find_job(client: ApiClient, text: str) -> uuid.UUID:
    """The id of the job that `text` is, begins or ends.

    Raises InvalidUsage if there is no such job, or more than one.
    """
    if is_job_id(text):
        return uuid.UUID(text)
    recent = client.list_jobs(tuple(JobState), (), SEARCHED_JOBS).body.jobs
    ids = {job.job_id for job in recent if _matches(job.job_id, text)}
    cursor = text + _LAST_ID[len(text) :]
    if is_job_id(cursor):
        # Ids sort by time, so a listing from there has the older jobs that begin so.
        older = client.list_jobs(tuple(JobState), (), _MAX_NAMED + 1, cursor).body.jobs
        ids |= {job.job_id for job in older if job.job_id.startswith(text)}
    return _only("job", text, sorted(ids), f"the last {SEARCHED_JOBS} jobs")


def find_schedule(client: ApiClient, text: str) -> uuid.UUID:
    """The same for a schedule."""
    if is_job_id(text):
        return uuid.UUID(text)
    ids = [schedule.schedule_id for schedule in client.list_schedules().body.schedules]
    return _only("schedule", text, [id_ for id_ in ids if _matches(id_, text)], "the schedules")


def _matches(whole_id: str, text: str) -> bool:
    """Also if `text` begins what listings show of the id."""
    starts = (whole_id, whole_id.rpartition("-")[2])
    return whole_id.endswith(text) or any(start.startswith(text) for start in starts)


def _only(kind: str, text: str, ids: Sequence[str], searched: str) -> uuid.UUID:
    if not ids:
        raise InvalidUsage(f"no id among {searched} begins or ends with {text}")
    if len(ids) > 1:
        named = ", ".join(ids[:_MAX_NAMED]) + (", …" if len(ids) > _MAX_NAMED else "")
        raise InvalidUsage(f"{text} is the beginning or end of several {kind} ids: {named}")
    return uuid.UUID(ids[0])
