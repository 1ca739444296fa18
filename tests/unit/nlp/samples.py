"""Pages and analyses to test with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from nlp.analysis import Analysis, AnalysisRequest, Scorecard
from nlp.article import Article, Page
from nlp.embedder import HashingEmbedder, title_and_lead
from nlp.entities import CapitalRecognizer
from nlp.fingerprint import fingerprint
from nlp.models import Models
from nlp.reputation import Reputations
from nlp.urls import canonical_url, registrable_domain

NOW = dt.datetime(2025, 6, 15, 12, tzinfo=dt.UTC)

_SUBJECTS = ["council", "museum", "harbour", "school", "railway", "choir", "hospital", "market"]
_VERBS = ["opened", "repaired", "measured", "painted", "defended", "sold", "rebuilt", "left"]
_OBJECTS = ["bridge", "archive", "turbine", "garden", "signal", "harvest", "gallery", "tunnel"]
_PLACES = ["in spring", "after the storm", "near the river", "with new funds", "by hand", "late"]


def prose(seed: int, sentences: int = 40) -> str:
    """Plain English that differs from seed to seed, some ten words in a sentence."""
    lines = []
    for at in range(sentences):
        pick = seed * 7919 + at * 104_729
        lines.append(
            f"The {_SUBJECTS[pick % 8]} of number {pick % 997} {_VERBS[pick // 8 % 8]} the "
            f"{_OBJECTS[pick // 64 % 8]} {_PLACES[pick // 512 % 6]}, said witness {pick % 1009}."
        )
    return " ".join(lines)


def html(
    *,
    title: str | None = "A bridge is opened",
    paragraphs: Sequence[str] = (),
    head: str = "",
) -> str:
    """A news page, with a menu and a footer around its paragraphs."""
    heading = f"<h1>{title}</h1>" if title else ""
    named = f"<title>{title}</title>" if title else ""
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<!doctype html><html lang='en'><head>{named}{head}</head><body>"
        f"<nav><a href='/a'>Home</a><a href='/b'>World</a></nav>"
        f"<article>{heading}{body}</article><footer>Contact us</footer></body></html>"
    )


def page(body: str | bytes, content_type: str | None = "text/html; charset=utf-8") -> Page:
    """A page at an address of no meaning."""
    raw = body.encode() if isinstance(body, str) else body
    return Page(
        url="https://www.northwire.example/news/bridge", body=raw, content_type=content_type
    )


def news_page(seed: int = 1, title: str = "A bridge is opened", head: str = "") -> Page:
    """A page that is an article: four paragraphs, some 500 words."""
    paragraphs = [prose(seed * 10 + part, 10) for part in range(4)]
    return page(html(title=title, paragraphs=paragraphs, head=head))


def request(of: Page, query: str | None = "bridge repair") -> AnalysisRequest:
    """A request under the default policy."""
    return AnalysisRequest(page=of, now=NOW, query=query)


def models() -> Models:
    """The deterministic stand-ins."""
    known = Reputations(
        domains={"northwire.example": 80.0},
        suffixes={"gov": 75.0, "ac.uk": 70.0},
        authors={"ada lovelace": 15.0, "jan": 30.0},
    )
    return Models(embedder=HashingEmbedder(), entities=CapitalRecognizer(), reputations=known)


def analysis(
    *,
    url: str = "https://a.example/1",
    score: float = 50.0,
    title: str = "A title",
    text: str | None = None,
    seed: int = 0,
) -> Analysis:
    """An analysis whose composite is `score`; its text is `text`, or the prose of `seed`."""
    body = prose(seed) if text is None else text
    embedding = HashingEmbedder().encode([title_and_lead(title, body)])[0]
    return Analysis(
        article=Article(
            url=url,
            canonical_url=canonical_url(url),
            domain=registrable_domain(url),
            title=title,
            text=body,
            word_count=len(body.split()),
        ),
        scores=Scorecard(
            overall_score=score,
            readability_score=50.0,
            ner_density_score=50.0,
            sentiment_score=50.0,
            tfidf_relevance_score=50.0,
            recency_score=50.0,
            reputation_score=50.0,
            topic_coherence_score=50.0,
            semantic_relevance_score=50.0,
        ),
        fingerprint=fingerprint(body, embedding),
    )
