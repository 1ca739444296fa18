"""One question to a service, and what it knows on it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.sampleweb.catalogue import ARTICLES, SampleArticle
from tests.sampleweb.reply import Reply
from tests.sampleweb.search import search

KEY = "sample-key-0123456789"
"""The one key that the services with keys accept."""

UNTIDY = "untidy links"
"""A topic on which every service finds records that are broken in all the ways we know of."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as a service sees it."""

    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    """By names in lower case."""
    today: dt.date

    def number(self, name: str, default: int, most: int) -> int:
        """The parameter within bounds, as a service takes it."""
        given = self.parameters.get(name, "")
        return min(int(given), most) if given.isdigit() else default

    def untidy(self, name: str) -> bool:
        return self.parameters.get(name, "").strip('"') == UNTIDY


def found(query: str) -> tuple[SampleArticle, ...]:
    return search(query.strip('"'))


def number_of(article: SampleArticle) -> int:
    """The article's number, for services that number what they hold."""
    return ARTICLES.index(article)


def numbered(number: str) -> SampleArticle | None:
    place = int(number) if number.isdigit() else len(ARTICLES)
    return ARTICLES[place] if place < len(ARTICLES) else None


def untidy_links() -> tuple[tuple[Any, Any], ...]:
    """Links with titles: two that lead to articles, one of them three times, and no other."""
    first, second = ARTICLES[0].url, ARTICLES[1].url
    return (
        (first, "<em>Tidy</em> &amp; <b>bold</b>\n title"),
        (None, "Without a link"),
        ("", "With an empty one"),
        ("/relative/only", "With a relative link"),
        ("javascript:alert(1)", "With a script"),
        ("ftp://files.example/story", "With a file"),
        (first, "The same again"),
        (f" {first} ", "The same with spaces around"),
        ("http://[broken", "With what is no URL"),
        (second, None),
    )


def json_reply(answer: Any, status: int = 200) -> Reply:
    return Reply(
        status=status,
        content_type="application/json; charset=utf-8",
        body=json.dumps(answer).encode(),
    )
