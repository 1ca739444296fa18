"""What was broken or made up on purpose is read without an error, and never takes long.

First feeds, dates, charsets, headers and robots files, 5 MB of one thing each, and pages like them,
which look for quadratic steps; then pages that hypothesis makes up, and mutations of the 120 real
news pages. They are read in child processes: a case that takes more than HARD_SECONDS of processor
time ends its process, and counts as a crash.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from typing import Any

import click
from hypothesis import HealthCheck, given, seed, settings
from msgspec import Struct

from nlp.article import Article, Page
from nlp.extraction.extract import extract
from tests.bench.figure import Figure, prints_figures
from tests.bench.hostile_inputs import Read, hostile_inputs
from tests.bench.made_up import MADE_UP
from tests.bench.mutations import LONGEST, mutated
from tests.bench.shared_data import news_pages

BOUND_SECONDS = 2.0
HARD_SECONDS = 20
BATCH = 100

ONE_THING = (
    "<div>", "<b>", "<p>word word</p>", "word ", "w", "<ul><li>text ", "<table><tr><td>text ",
    "<table><tr><td>w w</td></tr></table>", '<a href="/a/b">one two three four five</a> ',
    '<a href="/x/y"><h3>one two three four</h3></a>tail', "<aside>x</aside>text tail ",
    '<span class="share-x">x</span>text tail ', '<div style="display:none">text</div>',
    '<td rowspan=60000 colspan=60000>x</td>', '<blockquote class="twitter-tweet"><p>quote</p>',
    "<br>", "<time>x</time>tail ", "<form><p>word word</p></form>text ", "&#x41;", "&", "<", "<!--",
    "<script>", '<div class="date">12/13/14 15/16/17</div>', '<span class="author">A b</span>',
    '"datePublished":"2020-01-01T00:00:00Z",', "2020-01-0", " ", "\n", "\xff", "é日",
)  # fmt: skip


class Case(Struct, frozen=True, kw_only=True):
    """What became of one page."""

    outcome: str
    """`article`, or the reason of the refusal, or `raised`."""
    seconds: float
    """Of processor time."""


@click.command()
@click.option("--cases", default=10_000, show_default=True, help="Pages, a fifth of them made up.")
@click.option("--seed", "number", default=1, show_default=True)
@prints_figures
def fuzz(cases: int, number: int) -> Iterator[Figure]:
    """Hostile inputs of every kind, and mutated pages: crashes, and the slowest."""
    others = [next(_in_child(_measured, read, body)) for read, body in hostile_inputs()]
    yield from _figures("other inputs of 5 MB of one thing", others)
    hostile = [_one_page(_of_one_thing(piece)) for piece in ONE_THING]
    yield from _figures("pages of 5 MB of one thing", hostile)
    yield from _figures("made-up pages", list(_in_child(_made_up, cases // 5, number)))
    if not news_pages():
        click.echo("mutated pages: skipped, the real pages are not there", err=True)
        return
    yield from _figures("mutated pages", list(_mutated_cases(cases - cases // 5, number)))


def _figures(name: str, cases: list[Case]) -> Iterator[Figure]:
    outcomes = Counter(case.outcome for case in cases)
    slowest = max(case.seconds for case in cases)
    crashes = outcomes["raised"] + outcomes["killed"]
    yield Figure(name=name, value=len(cases), unit="cases")
    yield Figure(name=f"{name}: crashes", value=crashes, unit="", goal="0", met=crashes == 0)
    yield Figure(
        name=f"{name}: slowest",
        value=slowest,
        unit="s CPU",
        goal=f"<= {BOUND_SECONDS:g} s",
        met=slowest <= BOUND_SECONDS,
    )
    for outcome, count in outcomes.most_common():
        yield Figure(name=f"{name}: {outcome}", value=100 * count / len(cases), unit="%")


def _of_one_thing(piece: str) -> bytes:
    whole = "<html><head><title>T</title></head><body><p>" + piece * (
        LONGEST // len(piece.encode())
    )
    return whole.encode()[:LONGEST]


def _mutated_cases(cases: int, number: int) -> Iterator[Case]:
    pages = [one.page.body for one in news_pages()]
    for first in range(0, cases, BATCH):
        batch = range(first, min(first + BATCH, cases))
        yield from _in_child(_batch, pages, [number * 1_000_003 + case for case in batch])


def _made_up(cases: int, number: int) -> Iterator[Case]:
    found: list[Case] = []

    @seed(number)
    @settings(
        max_examples=cases, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(MADE_UP)
    def read(body: bytes) -> None:
        found.append(_case(body))

    read()
    yield from found


def _measured(read: Read, body: bytes) -> Iterator[Case]:
    started = time.process_time()
    try:
        outcome = read(body)
    except Exception:
        outcome = "raised"
    yield Case(outcome=outcome, seconds=time.process_time() - started)


def _one_page(body: bytes) -> Case:
    return next(_in_child(_whole, body))


def _whole(body: bytes) -> Iterator[Case]:
    yield _case(body)


def _batch(pages: list[bytes], numbers: list[int]) -> Iterator[Case]:
    for number in numbers:
        yield _case(mutated(pages, random.Random(number)))


def _case(body: bytes) -> Case:
    page = Page(url="https://www.northwire.example/news/1", body=body, content_type="text/html")
    started = time.process_time()
    try:
        found = extract(page, 300)
        outcome = "article" if isinstance(found, Article) else found.reason
    except Exception:
        outcome = "raised"
    return Case(outcome=outcome, seconds=time.process_time() - started)


def _in_child(work: Any, *args: Any) -> Iterator[Case]:
    """The cases of `work(*args)`, from a child; a last one, `killed`, where it did not end."""
    context = get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=_told, args=(writer, work, *args))
    child.start()
    writer.close()
    try:
        while (case := reader.recv()) is not None:
            yield case
    except EOFError:
        yield Case(outcome="killed", seconds=float(HARD_SECONDS))
    finally:
        reader.close()
        child.join()


def _told(writer: Any, work: Any, *args: Any) -> None:
    _allow_more()
    for case in work(*args):
        writer.send(case)
        _allow_more()
    writer.send(None)
    os._exit(0)  # nothing of the parent's is the child's to close


def _allow_more() -> None:
    """Lets the process, which a soft limit ends, have HARD_SECONDS from now on."""
    spent = int(time.process_time()) + HARD_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (spent, resource.RLIM_INFINITY))
