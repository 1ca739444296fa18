"""For whom something is asked: the step that runs here, where one does.

What waits outside the process for this step, such as its turn at a host, is kept under this name,
so that the next attempt finds it again, in whichever worker that runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_asker: ContextVar[str | None] = ContextVar("asker", default=None)


@contextmanager
def asking_for(step: str) -> Iterator[None]:
    """Whatever the body asks, it asks for this step."""
    before = _asker.set(step)
    try:
        yield
    finally:
        _asker.reset(before)


def asker() -> str | None:
    """The name of the step; None where nobody would come back for the answer."""
    return _asker.get()
