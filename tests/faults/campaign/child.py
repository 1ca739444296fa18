"""The engine of a campaign: starts at once, takes some milliseconds, and writes down each call."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

from nlp.analysis import AnalysisReport, AnalysisRequest
from tasks.engine.serving import serve
from tests.fakes import analysed
from tests.faults.campaign.journal import Journal


def analyse(requests: Sequence[AnalysisRequest], journal: Journal) -> Sequence[AnalysisReport]:
    for request in requests:
        journal.write("called", url=request.page.url)
        time.sleep(random.uniform(0.002, 0.01))
    return [analysed(request.page.url) for request in requests]


def open_journal(_threads: int) -> Journal:
    return Journal(Path(os.environ["CAMPAIGN_FOLDER"]), os.environ["CAMPAIGN_WHO"])


if __name__ == "__main__":
    serve(open_journal, analyse)
