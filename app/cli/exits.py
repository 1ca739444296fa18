"""Exit codes of the command, and the errors that lead to them.

0         success
1         JobUnsuccessful   the job ended in FAILURE or REVOKED, or, with --fail-on any, an
                            article of it failed
1         ProblemsFound     the doctor found problems that remain
1         CommandError      any other failure
2         InvalidUsage      the request cannot be carried out as given; click's own usage errors
2         ResultGone        the result is no longer kept
3         Unreachable       there is no content curator at the URL, or it cannot respond
4         CannotWork        a process that cannot do its work, and would end again if restarted
130, 141  interrupted by Ctrl-C, or the reader of stdout went away, as shells count signals

Each error prints one line on stderr.
"""

from __future__ import annotations

import click

from app.cli.terminal import printable
from tasks.jobs.job import JobState
from tasks.jobs.outcome import ErrorReport
from tasks.jobs.result import ArticlesResult, JobResult

BROKEN_PIPE = 141


class CommandError(click.ClickException):
    """The command failed."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class JobUnsuccessful(CommandError):
    """The job ended without success."""

    exit_code = 1

    @classmethod
    def of(cls, state: str, error: ErrorReport | None) -> JobUnsuccessful:
        return cls(f"the job ended in {state}" + (f": {error}" if error else ""))

    @classmethod
    def with_failures(cls, count: int) -> JobUnsuccessful:
        return cls(f"{count} article{'s' if count > 1 else ''} of the job failed")


def check_outcome(result: JobResult, fail_on: str) -> None:
    """Raises JobUnsuccessful for a result that is a failure to whoever runs the command.

    `fail_on` is a value of --fail-on.
    """
    if result.status is not JobState.SUCCESS:
        raise JobUnsuccessful.of(result.status, result.error)
    if fail_on == "any" and isinstance(result, ArticlesResult) and result.failed_count:
        raise JobUnsuccessful.with_failures(result.failed_count)


class ProblemsFound(CommandError):
    """Something is wrong with Redis or the ledger."""

    exit_code = 1

    @classmethod
    def of(cls, count: int, *, fixable: bool) -> ProblemsFound:
        summary = f"{count} problem{'s' if count > 1 else ''} found"
        return cls(f"{summary}; see --fix" if fixable else summary)


class InvalidUsage(CommandError):
    """The request cannot be carried out as given, with these options or in this environment."""

    exit_code = 2


class ResultGone(InvalidUsage):
    """The result of the job is no longer kept."""


class Unreachable(CommandError):
    """The server cannot be reached, or is not a content curator."""

    exit_code = 3


class CannotWork(CommandError):
    """This process cannot do its work on this machine, and would end again if restarted."""

    exit_code = 4


class Interrupted(CommandError):
    """The user pressed Ctrl-C, or declined to continue."""

    exit_code = 130
