"""Where the command prints to."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console


class _Terminal(Console):
    def on_broken_pipe(self) -> NoReturn:
        # rich would end the process here, with the code of a failed job.
        raise BrokenPipeError


def terminal(*, stderr: bool = False) -> Console:
    """Stdout or stderr: styled if it is a terminal. Nothing that is printed is read as markup."""
    return _Terminal(stderr=stderr, markup=False, emoji=False, highlight=False)
