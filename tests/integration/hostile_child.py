"""An engine for tests, with no models: what happens to a page is in its URL.

/spin     loops for ever and never lets go of the interpreter
/hoard    asks for 4 GB
/crash    ends in a segmentation fault
/slow     takes a tenth of a second
any other is analysed at once

The query, where there is one, names a file that is made when the page's turn has come.
"""

from __future__ import annotations

import ctypes
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from nlp.analysis import AnalysisReport, AnalysisRequest
from tasks.engine.serving import serve
from tests.fakes import analysed


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


def play(requests: Sequence[AnalysisRequest], _models: None) -> Sequence[AnalysisReport]:
    reports = []
    for request in requests:
        deed = PurePosixPath(urlsplit(request.page.url).path).name
        if request.query:
            Path(request.query).touch()
        DEEDS.get(deed, lambda: None)()
        reports.append(analysed(request.page.url))
    return reports


if __name__ == "__main__":
    serve(lambda threads: None, play)
