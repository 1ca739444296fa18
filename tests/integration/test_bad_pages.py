"""Hostile, careless and unlucky pages, through the real engine: each ends, and by itself."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
import pytest

from nlp.article import Page
from tasks.eager import run_eagerly
from tasks.engine.client import EngineClient
from tasks.jobs.job import BatchAnalysis, JobState
from tasks.jobs.submission import Submission
from tasks.resources import build_engine
from tasks.settings import Settings
from tests.fakes import FakeFetcher
from tests.unit.nlp.samples import html, prose

SETTINGS = Settings(tasks_eager=True, task_max_retries=0, min_word_count=100)
MEGABYTES = 5_000_000
PARAGRAPHS = [prose(seed, 20) for seed in range(3)]
GOOD = html(title="A bridge is opened", paragraphs=PARAGRAPHS).encode()

ARABIC = "أعلنت الحكومة يوم الاثنين أنها ستعدل القانون الجديد بعد مشاورات طويلة مع النقابات. " * 20
CHINESE = "政府星期一宣布，将在与工会长期协商之后修改新法律，并且在明年春天之前提交议会审议。" * 20
FINNISH = (
    "Hallitus ilmoitti maanantaina, että se muuttaa uutta lakia pitkien neuvottelujen jälkeen ja "
    "antaa sen eduskunnan käsiteltäväksi ennen kevättä. "
) * 15


def in_charset(declared: str, real: str) -> bytes:
    body = html(title="Déjà vu à Łódź", paragraphs=[f"Ünïcödé {part}" for part in PARAGRAPHS])
    return body.replace("<head>", f"<head><meta charset='{declared}'>").encode(real, "replace")


def dated(year: str) -> bytes:
    head = f"<meta property='article:published_time' content='{year}-01-01T00:00:00Z'>"
    return html(paragraphs=PARAGRAPHS, head=head).encode()


BAD: Mapping[str, Callable[[], bytes]] = {
    "nested tags": lambda: (b"<div>" * (MEGABYTES // 10) + b"</div>" * (MEGABYTES // 12))[
        :MEGABYTES
    ],
    "nested around text": lambda: b"<div>" * 50_000 + GOOD + b"</div>" * 50_000,
    "one line": lambda: b"<p>" + b"word " * (MEGABYTES // 5),
    "one word": lambda: b"<html><title>t</title><p>" + b"a" * MEGABYTES,
    "random bytes": lambda: random.Random(7).randbytes(MEGABYTES),
    "random text": lambda: "".join(random.Random(7).choices("<>/=\"' abc&;!-", k=500_000)).encode(),
    "10,000 links": lambda: html(
        paragraphs=[*PARAGRAPHS, *(f"<a href='/{n}'>Link number {n}</a>" for n in range(10_000))]
    ).encode(),
    "no text": lambda: b"<html><head><title>Nothing</title></head><body></body></html>",
    "nothing": lambda: b"",
    "zero bytes": lambda: b"\0" * 100_000,
    "unclosed comment": lambda: GOOD.replace(b"<nav>", b"<!--<nav>"),
    "year 1": lambda: dated("0001"),
    "year 9999": lambda: dated("9999"),
    "utf-8 as latin-1": lambda: in_charset("iso-8859-1", "utf-8"),
    "latin-1 as utf-8": lambda: in_charset("utf-8", "latin-1"),
    "utf-16 as utf-8": lambda: in_charset("utf-8", "utf-16"),
    "windows-1251 as ascii": lambda: in_charset("ascii", "windows-1251"),
    "shift-jis as big5": lambda: in_charset("big5", "shift_jis"),
    "unheard-of charset": lambda: in_charset("x-no-such-thing", "utf-8"),
    "Arabic": lambda: html(title="تعديل القانون", paragraphs=[ARABIC]).encode(),
    "Chinese": lambda: html(title="修改新法律", paragraphs=[CHINESE]).encode(),
    "Finnish": lambda: html(title="Laki muuttuu", paragraphs=[FINNISH]).encode(),
    "good": lambda: GOOD,
}


class BadPages(FakeFetcher):
    async def page(self, url: str) -> Page:
        name = url.rpartition("/")[2].replace("_", " ")
        return Page(url=url, body=BAD[name](), content_type="text/html")


@pytest.fixture
async def engine() -> AsyncIterator[EngineClient]:
    engine = build_engine(SETTINGS)
    try:
        await engine.ready()
        yield engine
    finally:
        await engine.stop()


async def test_none_of_them_harms_another(engine: EngineClient) -> None:
    urls = {f"http://bad.example/{name.replace(' ', '_')}": name for name in BAD}
    first = engine.pid
    submission = Submission(params=BatchAnalysis(urls=tuple(urls), query="bridge"))
    outcome = await run_eagerly(submission, SETTINGS, engine, BadPages())

    assert outcome.status.record.state is JobState.SUCCESS
    assert engine.pid == first, "the engine had to be replaced"
    result: dict[str, Any] = msgspec.json.decode(outcome.result)
    reasons = {urls[one["url"]]: one["reason"] for one in result["failures"]}
    assert set(reasons.values()) <= {
        "no_text",
        "no_article",
        "no_title",
        "too_short",
        "not_readable",
    }, reasons
    verdicts = {urls[one["url"]]: one["verdict"] for one in result["decisions"]}
    for name in ("10,000 links", "year 1", "year 9999", "Arabic", "Chinese", "Finnish", "good"):
        assert verdicts[name] in ("kept", "duplicate"), (name, reasons.get(name))

    shown = {urls[one["article"]["url"]]: one for one in result["results"]}
    for name in ("Arabic", "Chinese", "Finnish"):
        neutral = {one["score"]: one["reason"] for one in shown[name]["neutral"]}
        for score in ("ner_density_score", "readability_score", "sentiment_score"):
            assert "Made for English" in neutral[score]
