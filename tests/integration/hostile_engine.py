"""An engine for tests, without models: the URL of a page or a feed says what reading it does.

/spin     loops for ever without releasing the interpreter
/hoard    allocates 4 GB
/crash    ends in a segmentation fault
/slow     takes a tenth of a second
/rest     waits until all models are loaded: while the file LOADING of the environment exists
any other is read at once

The URL's query, where there is one, names a file that is created when the engine begins to read.
An article with the title `crash` ends the engine while it shares its batch with others, one with
the title `raise` fails the whole batch.
"""

from __future__ import annotations

import ctypes
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.embedding.embedder import HashingEmbedder
from nlp.feeds import reader
from nlp.feeds.feed import FeedReport, FeedRequest
from nlp.ranking.survey import survey
from tasks.engine.server import TaskHandlers, serve
from tests.fakes import fake_read_report, fake_study_report


def spin() -> None:
    re.fullmatch(r"(a+)+b", "a" * 64)  # backtracks for longer than a lifetime, within one C call


def hoard() -> None:
    bytearray(4 << 30)


def crash() -> None:
    ctypes.string_at(0)


def slow() -> None:
    time.sleep(0.1)


loaded = threading.Event()


def load_rest(_models: None) -> None:
    while os.path.exists(os.environ.get("LOADING", "")):
        time.sleep(0.01)
    loaded.set()


def wait_for_rest() -> None:
    loaded.wait()


BEHAVIOURS: dict[str, Callable[[], None]] = {
    "spin": spin,
    "hoard": hoard,
    "crash": crash,
    "slow": slow,
    "rest": wait_for_rest,
}


def read(request: ReadRequest, _models: None) -> ReadReport:
    parts = urlsplit(request.page.url)
    if parts.query:
        Path(parts.query).touch()
    BEHAVIOURS.get(PurePosixPath(parts.path).name, lambda: None)()
    return fake_read_report(request)


def read_feed(request: FeedRequest) -> FeedReport:
    BEHAVIOURS.get(PurePosixPath(urlsplit(request.page.url).path).name, lambda: None)()
    return reader.read_feed(request)


def study(
    requests: Sequence[StudyRequest], _models: None, working: Callable[[Sequence[int]], None]
) -> Iterator[StudyReport]:
    """Reports the whole batch as in progress first, then one request after the other."""
    working(range(len(requests)))
    for request in requests:
        if request.article.title == "crash":
            crash()
        if request.article.title == "raise":
            raise ValueError("by its title")
    for index, request in enumerate(requests):
        working([index])
        yield fake_study_report(request)


if __name__ == "__main__":
    serve(
        TaskHandlers(
            load=lambda threads: None,
            load_deferred=load_rest,
            read=read,
            study=study,
            survey=lambda request, _models: survey(request, HashingEmbedder(8)),
            read_feed=read_feed,
        )
    )
