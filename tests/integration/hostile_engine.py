"""An engine for tests, with no models: what happens to a page is in its URL.

/spin     loops for ever and never lets go of the interpreter
/hoard    asks for 4 GB
/crash    ends in a segmentation fault
/slow     takes a tenth of a second
any other is analysed at once

The URL's query, where there is one, names a file that is made when the page's turn has come.
An article with the title `crash` ends the engine while it shares its batch with others, one with
the title `raise` fails the whole batch.
"""

from __future__ import annotations

import ctypes
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.embedding.embedder import HashingEmbedder
from nlp.ranking.survey import survey
from tasks.engine.server import TaskHandlers, serve
from tests.fakes import read_as_told, studied_as_told


def spin() -> None:
    re.fullmatch(r"(a+)+b", "a" * 64)  # backtracks longer than anyone lives, within one C call


def hoard() -> None:
    bytearray(4 << 30)


def crash() -> None:
    ctypes.string_at(0)


def slow() -> None:
    time.sleep(0.1)


DEEDS: dict[str, Callable[[], None]] = {
    "spin": spin,
    "hoard": hoard,
    "crash": crash,
    "slow": slow,
}


def play(request: ReadRequest, _models: None) -> ReadReport:
    parts = urlsplit(request.page.url)
    if parts.query:
        Path(parts.query).touch()
    DEEDS.get(PurePosixPath(parts.path).name, lambda: None)()
    return read_as_told(request)


def study(
    requests: Sequence[StudyRequest], _models: None, working: Callable[[Sequence[int]], None]
) -> Iterator[StudyReport]:
    """What shares a batch is begun together, and done one after the other."""
    working(range(len(requests)))
    for request in requests:
        if request.article.title == "crash":
            crash()
        if request.article.title == "raise":
            raise ValueError("told to")
    for place, request in enumerate(requests):
        working([place])
        yield studied_as_told(request)


if __name__ == "__main__":
    serve(
        TaskHandlers(
            load=lambda threads: None,
            read=play,
            study=study,
            survey=lambda request, _models: survey(request, HashingEmbedder(8)),
        )
    )
