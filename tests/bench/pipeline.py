"""What an analysis costs: real pages, through the real engine and the real steps of a job.

No network: the pages come from memory, so what is counted is ours alone. Counted is the processor
time of both processes, worker and engine, from a job's submission to its end, with the models
loaded before. Jobs run inside this process (`tasks.eager`), so the ledger is the one in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import click
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nlp.analysis import ReadRequest, StudyRequest
from nlp.article import Article, Page
from nlp.models import load_models
from nlp.pipeline import read, study
from tasks.cache.memory import MemoryCache
from tasks.eager import run_eagerly
from tasks.engine.client import EngineClient
from tasks.errors import PermanentFailure, Reason
from tasks.jobs.job import BatchAnalysis, Params, TopicCuration
from tasks.jobs.submission import Submission
from tasks.logs import configure_logging
from tasks.resources import build_engine
from tasks.settings import Settings
from tests.bench.figure import Figure, compared, prints_figures
from tests.bench.shared_data import news_pages
from tests.unit.nlp.samples import NOW

TOPIC = "economy and government policy"
CANDIDATES = 100
KEPT = 20
MIN_WORDS = 100
"""So that nearly all of the pages count as articles: 27 of them have fewer than 300."""

SETTINGS = Settings(
    tasks_eager=True,
    sources=("feeds",),
    feed_urls=("http://feeds.example/rss?q={query}",),
    candidates_per_article=CANDIDATES // KEPT,
    min_word_count=MIN_WORDS,
    min_relevance=0,  # the pages are about anything: so the costliest case, in which all compete
    diversify_results=False,
    engine_threads=1,
)


PROBE_SECONDS = 0.02


class Memory:
    """The web, from memory. See `tasks.ports.Fetcher`."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = {page.url: page for page in pages}

    async def page(self, url: str) -> Page:
        try:
            return self._pages[url]
        except KeyError:
            raise PermanentFailure(Reason.NOT_FOUND, "There is no such page.") from None

    async def document(
        self, url: str, *, headers: Mapping[str, str] | None = None, interval: float = 0.0
    ) -> Page:
        items = "".join(
            f"<item><title>t</title><link>{escape(one)}</link></item>" for one in self._pages
        )
        feed = f"<rss version='2.0'><channel><title>f</title>{items}</channel></rss>"
        return Page(url=url, body=feed.encode(), content_type="application/rss+xml")


class Run(Struct, frozen=True, kw_only=True):
    """One job, from its submission to its end."""

    seconds: float
    """Processor time of worker and engine."""
    longest_delay: float
    """Seconds by which the worker's event loop was late, at the most: so late may a renewal be."""
    result: dict[str, Any]

    @property
    def said(self) -> Any:
        """What a reader sees of it: all but who it was and what was known before."""
        results = [{**one, "cached": None, "cost": None} for one in self.result["results"]]
        return results, self.result["decisions"]


class Bench:
    """The engine and the pages."""

    def __init__(self, engine: EngineClient, pages: Sequence[Page]) -> None:
        self._engine = engine
        self._pages = pages

    async def run(self, params: Params, cache: MemoryCache, slots: int = 4) -> Run:
        settings = replace(SETTINGS, worker_concurrency=slots)
        before = self._processor_seconds()
        with _delays() as delays:
            outcome = await run_eagerly(
                Submission(params=params), settings, self._engine, Memory(self._pages), cache
            )
        return Run(
            seconds=self._processor_seconds() - before,
            longest_delay=max(delays),
            result=msgspec.json.decode(outcome.result),
        )

    def _processor_seconds(self) -> float:
        if self._engine.pid is None:
            raise click.ClickException("the engine has died")
        fields = Path(f"/proc/{self._engine.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _delays() -> Iterator[list[float]]:
    """By how much the loop was late each time that something was due meanwhile, in seconds."""
    loop, delays = asyncio.get_running_loop(), [0.0]

    async def watch() -> None:
        while True:
            due = loop.time() + PROBE_SECONDS
            await asyncio.sleep(PROBE_SECONDS)
            delays.append(loop.time() - due)

    watching = asyncio.create_task(watch())
    try:
        yield delays
    finally:
        watching.cancel()


@click.command()
@prints_figures
def pipeline() -> Iterator[Figure]:
    """Processor time of an article, of a topic job, and of the same job again; by stage."""
    pages = [one.page for one in news_pages()]
    if not pages:
        raise click.ClickException("the real pages are not there: see tests/bench/shared_data.py")
    configure_logging("ERROR")
    yield from asyncio.run(_jobs(pages))
    yield from _stages(pages)


async def _jobs(pages: Sequence[Page]) -> list[Figure]:
    engine = build_engine(SETTINGS)
    try:
        await engine.ready()
        bench = Bench(engine, pages)
        urls = tuple(page.url for page in pages)
        await bench.run(BatchAnalysis(urls=urls[:3], query=TOPIC), MemoryCache(0))  # warm
        batch = await bench.run(BatchAnalysis(urls=urls, query=TOPIC), MemoryCache(0))
        return [
            _batch_figure(batch),
            _delay_figure(batch),
            *await _topic_figures(Bench(engine, pages[:CANDIDATES])),
        ]
    finally:
        await engine.stop()


def _batch_figure(batch: Run) -> Figure:
    each = batch.seconds / batch.result["processed_count"]
    return Figure(
        name=f"batch, CPU of an article ({batch.result['processed_count']} analysed)",
        value=each,
        unit="s",
        goal="<= 0.12 s",
        met=each <= 0.12,
    )


def _delay_figure(batch: Run) -> Figure:
    late = batch.longest_delay
    return Figure(
        name="batch, longest delay of the event loop",
        value=late,
        unit="s",
        goal="<= 0.5 s",
        met=late <= 0.5,
    )


async def _topic_figures(bench: Bench) -> list[Figure]:
    params, cache = TopicCuration(topic=TOPIC, max_articles=KEPT), MemoryCache(1 << 28)
    first = await bench.run(params, cache)
    again = await bench.run(params, cache)
    alone = await bench.run(params, MemoryCache(0), slots=1)
    kept, candidates = len(first.result["results"]), first.result["total_urls"]
    less = first.seconds / again.seconds
    return [
        Figure(
            name=f"topic, CPU in all ({candidates} candidates, {kept} kept)",
            value=first.seconds,
            unit="s",
            goal="<= 8 s",
            met=first.seconds <= 8 and kept == KEPT,
        ),
        replace(
            compared("topic, first time", first.seconds, "s", "again", again.seconds),
            goal="ratio >= 10",
            met=less >= 10,
        ),
        _differences("results that differ the second time", first, again),
        _differences("results that differ with 1 slot", first, alone),
    ]


def _differences(name: str, one: Run, other: Run) -> Figure:
    pairs = zip(one.said[0], other.said[0], strict=True)
    found = sum(mine != theirs for mine, theirs in pairs) + (one.said[1] != other.said[1])
    return Figure(name=name, value=found, unit="of results", goal="0", met=found == 0)


def _stages(pages: Sequence[Page]) -> Iterator[Figure]:
    """Each stage by itself, with one thread, on all pages."""
    models = load_models(1, SETTINGS.models_path)
    spent: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    for page in pages:
        reading = read(ReadRequest(page=page, min_word_count=MIN_WORDS))
        stages = [*reading.stages]
        if isinstance(reading.outcome, Article):
            request = StudyRequest(article=reading.outcome, now=NOW, query=TOPIC)
            stages += [stage for report in study([request], models) for stage in report.stages]
        for stage in stages:
            spent[stage.name] += stage.ended_ns - stage.started_ns
            runs[stage.name] += 1
    for name, nanoseconds in spent.most_common():
        yield Figure(name=f"stage: {name}", value=nanoseconds / runs[name] / 1e6, unit="ms")
