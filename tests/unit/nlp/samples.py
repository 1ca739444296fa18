"""Pages and analyses to test with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from nlp.analysis import (
    Details,
    Evidence,
    Impression,
    ReadRequest,
    Score,
    Study,
    StudyRequest,
    Weights,
)
from nlp.article import Article, Page
from nlp.decision import Ranking, SelectionPolicy, SurveyRequest
from nlp.embedding.embedder import HashingEmbedder, title_and_lead
from nlp.models import Models
from nlp.neutral import NEUTRAL
from nlp.pipeline import read
from nlp.ranking.selection import Selection
from nlp.ranking.survey import survey
from nlp.scores.entities import CapitalRecognizer
from nlp.scores.provenance import Reputations
from nlp.scores.scorecard import composite_for, scorecard
from nlp.similarity.fingerprint import fingerprint
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
    """A page at some address."""
    raw = body.encode() if isinstance(body, str) else body
    return Page(
        url="https://www.northwire.example/news/bridge", body=raw, content_type=content_type
    )


def news_page(seed: int = 1, title: str = "A bridge is opened", head: str = "") -> Page:
    """A page that is an article: four paragraphs, some 500 words."""
    paragraphs = [prose(seed * 10 + part, 10) for part in range(4)]
    return page(html(title=title, paragraphs=paragraphs, head=head))


def article(of: Page) -> Article:
    """The article of a page that has one."""
    outcome = read(ReadRequest(page=of)).outcome
    assert isinstance(outcome, Article), outcome
    return outcome


def request(of: Page, query: str | None = "bridge repair") -> StudyRequest:
    """A request under the default policy."""
    return StudyRequest(article=article(of), now=NOW, query=query)


def models() -> Models:
    """Deterministic models without files."""
    known = Reputations(
        domains={"northwire.example": 80.0},
        suffixes={"gov": 75.0, "ac.uk": 70.0},
        authors={"ada lovelace": 15.0, "jan": 30.0},
    )
    return Models(embedder=HashingEmbedder(), entities=CapitalRecognizer(), reputations=known)


BY_SCORE = Weights(
    readability=1, ner=0, sentiment=0, relevance=0, recency=0, reputation=0, coherence=0
)
"""With these the composite is the `score` passed to `evidence`."""


def evidence(
    *,
    url: str = "https://a.example/1",
    score: float = 50.0,
    title: str = "A title",
    text: str | None = None,
    seed: int = 0,
    density: float | None = 50.0,
) -> Evidence:
    """Of an article with `text`, or the prose of `seed`; `density` None: without details."""
    body = prose(seed) if text is None else text
    embedding = HashingEmbedder().encode([title_and_lead(title, body)])[0]
    ner_density = Score(NEUTRAL if density is None else density)
    return Evidence(
        article=Article(
            url=url,
            canonical_url=canonical_url(url),
            domain=registrable_domain(url),
            title=title,
            text=body,
            word_count=len(body.split()),
        ),
        study=Study(
            impression=Impression(
                fingerprint=fingerprint(body, embedding),
                readability=Score(score),
                sentiment=Score(NEUTRAL),
            ),
            details=None if density is None else Details(ner_density=ner_density),
            terms=None,
            scores=scorecard(
                composite_for(None, BY_SCORE),
                readability_score=Score(score),
                ner_density_score=ner_density,
            ),
        ),
    )


def select(
    articles: Sequence[Evidence],
    policy: SelectionPolicy,
    weights: Weights = BY_SCORE,
    densities: Mapping[str, float] | None = None,
    query: str | None = None,
    now: dt.datetime | None = None,
) -> Ranking:
    """The ranking of the articles; `densities` has those of the URLs without details.

    With a query, the articles must have the counts of its terms.
    """
    survey_request = SurveyRequest(
        evidence=tuple(articles), query=query, policy=policy, weights=weights
    )
    surveyed = survey(survey_request, HashingEmbedder())
    selection = Selection(articles, surveyed, policy, composite_for(query, weights), now)
    while places := selection.needing_details(2):
        known = densities or {}
        selection.add_densities({at: Score(known[articles[at].article.url]) for at in places})
    return selection.ranking()
