"""How the command ends: its exit codes, and the errors that lead to them.

0  fine
1  JobUnsuccessful   the job ended in FAILURE or REVOKED
1  ProblemsFound     the doctor found what needs to be mended
2  WrongUse          what the user, or the environment, asked for cannot be done
3  Unreachable       no content curator answers at the address
130, 141             stopped by Ctrl-C, or by a reader that went away, as shells count signals

Each error is one line on stderr.
"""

from __future__ import annotations

import click

from app.cli.terminal import printable

BROKEN_PIPE = 141


class CommandError(click.ClickException):
    """The command cannot go on."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class JobUnsuccessful(CommandError):
    """The job ended without success."""

    exit_code = 1

    @classmethod
    def of(cls, state: str, error: str | None) -> JobUnsuccessful:
        return cls(f"the job ended in {state}" + (f": {error}" if error else ""))


class ProblemsFound(CommandError):
    """Something is wrong with Redis or the ledger."""

    exit_code = 1

    @classmethod
    def of(cls, count: int, *, mendable: bool) -> ProblemsFound:
        found = f"{count} problem{'s' if count > 1 else ''} found"
        return cls(f"{found}; see --fix" if mendable else found)


class WrongUse(CommandError):
    """The request cannot be carried out as it is."""

    exit_code = 2


class Unreachable(CommandError):
    """The server cannot be reached, or is not ours."""

    exit_code = 3


class Interrupted(CommandError):
    """Ctrl-C."""

    exit_code = 130
