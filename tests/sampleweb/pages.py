"""Articles as HTML, in the layouts of their hosts."""

from __future__ import annotations

import datetime as dt
import functools
import html
import json
from collections.abc import Iterable, Sequence
from string import Template

from tests.sampleweb.catalogue import ARTICLES, HERE, Host, SampleArticle

RELATED = 4
"""How many other articles of its host a page links to."""


@functools.cache
def _layout(name: str) -> Template:
    return Template((HERE / "layouts" / f"{name}.html").read_text("utf-8"))


def _joined(pattern: str, values: Iterable[str]) -> str:
    return "\n".join(pattern.format(html.escape(value)) for value in values)


def _links(shown: Sequence[SampleArticle]) -> str:
    return "\n".join(
        f'<li><a href="{html.escape(one.url)}">{html.escape(one.title)}</a></li>' for one in shown
    )


def _navigation(host: Host) -> str:
    return "\n".join(
        f'<li><a href="/{section.lower()}/">{section}</a></li>' for section in host.sections
    )


def _linked_data(article: SampleArticle, published: dt.datetime) -> str:
    """The article's facts for machines, as schema.org has them."""
    return json.dumps(
        {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "headline": article.title,
            "datePublished": published.isoformat(),
            "author": {"@type": "Person", "name": article.author},
            "publisher": {"@type": "Organization", "name": article.host.title},
        }
    ).replace("<", "\\u003c")


def article_page(article: SampleArticle, today: dt.date) -> bytes:
    """The whole page, with the navigation and notices that its host puts around an article."""
    published = article.published(today)
    others = [one for one in ARTICLES if one.host == article.host and one != article]
    return (
        _layout(article.host.layout)
        .substitute(
            title=html.escape(article.title),
            author=html.escape(article.author),
            url=html.escape(article.url),
            topic=html.escape(article.topic),
            description=html.escape(article.paragraphs[0].split(". ")[0]),
            published=published.isoformat(),
            day=f"{published.day} {published:%B %Y}",
            body=_joined("<p>{}</p>", article.paragraphs),
            related=_links(others[:RELATED]),
            navigation=_navigation(article.host),
            host=html.escape(article.host.title),
            tagline=html.escape(article.host.tagline),
            linked_data=_linked_data(article, published),
        )
        .encode()
    )


def front_page(host: Host) -> bytes:
    """A host's home: its articles as a list."""
    shown = [one for one in ARTICLES if one.host == host]
    name = html.escape(host.title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<link rel="alternate" href="{host.feed_url}"></head>'
        f"<body><h1>{name}</h1><ul>{_links(shown)}</ul></body></html>\n"
    ).encode()


def untitled_page(article: SampleArticle) -> bytes:
    """The article's text with nothing that could be taken for a title."""
    body = _joined("<p>{}</p>", article.paragraphs)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"></head>'
        f"<body><article>{body}</article></body></html>\n"
    ).encode()
