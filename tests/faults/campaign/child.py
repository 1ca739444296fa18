"""The engine of a campaign: starts at once, takes some milliseconds, and writes down each call."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.embedding.embedder import HashingEmbedder
from nlp.feeds.reader import read_feed
from nlp.ranking.survey import survey
from tasks.engine.server import TaskHandlers, serve
from tests.fakes import fake_read_report, fake_study_report
from tests.faults.campaign.journal import Journal


def read(request: ReadRequest, journal: Journal) -> ReadReport:
    journal.write("called", url=request.page.url)
    time.sleep(random.uniform(0.002, 0.01))
    return fake_read_report(request)


def study(
    requests: Sequence[StudyRequest], _journal: Journal, working: Callable[[Sequence[int]], None]
) -> Iterator[StudyReport]:
    for place, request in enumerate(requests):
        working([place])
        yield fake_study_report(request)


def open_journal(_threads: int) -> Journal:
    return Journal(Path(os.environ["CAMPAIGN_FOLDER"]), os.environ["CAMPAIGN_ACTOR"])


if __name__ == "__main__":
    serve(
        TaskHandlers(
            load=open_journal,
            read=read,
            study=study,
            survey=lambda request, _journal: survey(request, HashingEmbedder(8)),
            read_feed=read_feed,
        )
    )
