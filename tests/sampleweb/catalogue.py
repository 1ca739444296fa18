"""What the sample web holds: its articles, its topics, its troubles, and a batch for the tests."""

from __future__ import annotations

import datetime as dt
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.errors import Reason

HERE = Path(__file__).parent
TOPICS = (
    "artificial intelligence",
    "renewable energy",
    "space exploration",
    "public health",
)
LEAD_SHARE = 0.6
"""How much of an article a lead takes over, at least, in whole paragraphs."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """One site of the sample web."""

    name: str
    title: str
    tagline: str
    layout: str
    path: str
    feed: str
    """`rss` or `atom`."""
    sections: tuple[str, ...]
    tracking: str = ""
    """Parameters that its feed appends to links; part of no article's own address."""

    @property
    def domain(self) -> str:
        """The registrable domain: all of them are directly under `.example`."""
        return ".".join(self.name.split(".")[-2:])

    @property
    def feed_url(self) -> str:
        return f"http://{self.name}/feed.xml"


@dataclass(frozen=True, kw_only=True)
class SampleArticle:
    """One article as one host prints it."""

    slug: str
    host: Host
    title: str
    author: str
    days_old: int
    topic: str
    paragraphs: tuple[str, ...]
    copy_of: str | None = None
    """Slug of the article whose body this one repeats under another headline and byline."""
    lead_of: str | None = None
    """Slug of the article whose larger part follows this one's own opening paragraph."""
    retells: str | None = None
    """Slug of the article whose story this one tells in other words."""

    @property
    def url(self) -> str:
        path = self.host.path.format(slug=self.slug, topic=self.topic.replace(" ", "-"))
        return f"http://{self.host.name}{path}"

    @property
    def text(self) -> str:
        return "\n".join(self.paragraphs)

    @property
    def word_count(self) -> int:
        return len(self.text.split())

    @property
    def original(self) -> bool:
        """Whether the text is its own: a retelling's is, a copy's and a lead's are not."""
        return self.copy_of is None and self.lead_of is None

    def published(self, today: dt.date) -> dt.datetime:
        """Some time in the working hours of the day that lies `days_old` days back."""
        minutes = 6 * 60 + zlib.crc32(self.slug.encode()) % (12 * 60)
        midnight = dt.datetime.combine(today, dt.time(), dt.UTC)
        return midnight - dt.timedelta(days=self.days_old) + dt.timedelta(minutes=minutes)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One misbehaving page."""

    what: str
    reason: Reason | None
    """What a step that ends here reports; None where the page is an article after all."""


def _load_hosts() -> dict[str, Host]:
    tables = tomllib.loads((HERE / "hosts.toml").read_text("utf-8"))
    return {
        name: Host(name=name, **{**table, "sections": tuple(table["sections"])})
        for name, table in tables.items()
    }


def _read(file: Path) -> SampleArticle:
    _, head, body = file.read_text("utf-8").split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    return SampleArticle(
        slug=file.stem,
        host=HOSTS[fields["host"]],
        title=fields["title"],
        author=fields["author"],
        days_old=int(fields["days_old"]),
        topic=fields["topic"],
        paragraphs=tuple(part.strip() for part in body.split("\n\n") if part.strip()),
        copy_of=fields.get("copy_of"),
        lead_of=fields.get("lead_of"),
        retells=fields.get("retells"),
    )


def _first_part(article: SampleArticle) -> Iterator[str]:
    words = 0
    for paragraph in article.paragraphs:
        if words >= LEAD_SHARE * article.word_count:
            return
        words += len(paragraph.split())
        yield paragraph


def _filled(article: SampleArticle, written: dict[str, SampleArticle]) -> SampleArticle:
    """The article with what it takes over from another."""
    if article.copy_of:
        return replace(article, paragraphs=written[article.copy_of].paragraphs)
    if article.lead_of:
        borrowed = _first_part(written[article.lead_of])
        return replace(article, paragraphs=(*article.paragraphs, *borrowed))
    return article


def _load_articles() -> dict[str, SampleArticle]:
    written = {file.stem: _read(file) for file in sorted((HERE / "articles").glob("*/*.md"))}
    return {slug: _filled(article, written) for slug, article in written.items()}


HOSTS = _load_hosts()
_ALL = _load_articles()

ARTICLES = tuple(article for article in _ALL.values() if article.topic in TOPICS)
"""Every good article of the topics, with copies, leads and retellings, in a fixed order."""
LATIN1_ARTICLE = _ALL["latin1"]
SPARE_ARTICLE = _ALL["spare"]
"""What the troubled pages show that turn out well."""


def articles(topic: str | None = None) -> tuple[SampleArticle, ...]:
    return tuple(article for article in ARTICLES if topic in (None, article.topic))


def urls(topic: str | None = None) -> tuple[str, ...]:
    """Addresses of the good articles: of one topic, or of all."""
    return tuple(article.url for article in articles(topic))


def article(slug: str) -> SampleArticle:
    return _ALL[slug]


FEEDS_HOST = "feeds.sampleweb.example"
SEARCH_HOST = "search.sampleweb.example"
GDELT_HOST = "gdelt.sampleweb.example"
TROUBLE_HOST = "trouble.sampleweb.example"
OPML_URL = f"http://{FEEDS_HOST}/opml.xml"
SEARCH_URL = f"http://{SEARCH_HOST}/rss?q={{query}}"
GDELT_URL = f"http://{GDELT_HOST}/api/v2/doc/doc"


def trouble(path: str) -> str:
    """The address of a misbehaving page, such as `/missing`."""
    return f"http://{TROUBLE_HOST}{path}"


_TROUBLES: dict[str, tuple[str, Reason | None]] = {
    "/missing": ("404", Reason.NOT_FOUND),
    "/gone": ("410", Reason.NOT_FOUND),
    "/flaky/1": ("500 the first time for each path under /flaky/, then an article", None),
    "/always500": ("500 each time", Reason.SERVER_ERROR),
    "/retry-after": ("429 with Retry-After: 2 the first time, then an article", None),
    "/slow": ("answers after 60 seconds", Reason.TIMED_OUT),
    "/drip": ("a byte a second for ever", Reason.TIMED_OUT),
    "/endless": ("a body with no end, as fast as it is read", Reason.TOO_LARGE),
    "/bomb": ("50 MB of zeros, sent as 50 KB of gzip", Reason.TOO_LARGE),
    "/loop": ("redirects to itself by way of another page", Reason.TOO_MANY_REDIRECTS),
    "/metadata": ("redirects to a cloud's metadata service", Reason.BLOCKED_ADDRESS),
    "/loopback": ("redirects to 127.0.0.1", Reason.BLOCKED_ADDRESS),
    "/reset": ("the connection ends in the middle of the body", Reason.CONNECTION_FAILED),
    "/latin1": ("an article in Windows-1252 that says it is UTF-8", None),
    "/untitled": ("an article with no title anywhere", Reason.NO_TITLE),
    "/paywall": ("the first 80 words of an article", Reason.TOO_SHORT),
    "/empty": ("200 with no body", Reason.NO_TEXT),
    "/blank": ("HTML with no text", Reason.NO_TEXT),
    "/pdf": ("a PDF document", Reason.UNSUPPORTED_CONTENT),
    "/image": ("a PNG image", Reason.UNSUPPORTED_CONTENT),
    "/private/story": ("an article that robots.txt keeps from us", Reason.ROBOTS_DENIED),
}

TROUBLES = {
    trouble(path): Trouble(what=what, reason=reason) for path, (what, reason) in _TROUBLES.items()
}
"""Every misbehaving page by its address."""

BATCH_FAILURES = {
    trouble(path): reason
    for path in ("/missing", "/metadata", "/pdf", "/paywall", "/private/story")
    if (reason := TROUBLES[trouble(path)].reason)
}
"""The addresses of the batch that fail: at once, for good, and each for another reason."""


def _batch() -> Iterator[str]:
    """45 articles, copies and leads among them, with a failure after each nine."""
    shared = [article.url for article in ARTICLES if not article.original]
    own = [article.url for article in ARTICLES if article.original]
    good = [*shared, *own][:45]
    for place, failure in enumerate(BATCH_FAILURES):
        yield from good[9 * place : 9 * place + 9]
        yield failure


BATCH_OF_50 = tuple(_batch())
