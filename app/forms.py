"""The two forms of the home page: what was typed, and the job that it asks for."""

from __future__ import annotations

from typing import ClassVar, Literal
from urllib.parse import parse_qsl

from msgspec import Struct

from tasks.errors import InvalidRequest
from tasks.job import BatchAnalysis, TopicCuration
from tasks.submission import Submission

FIELDS = 20
"""Fields that a form may have; ours have fewer."""


class TopicForm(Struct, frozen=True, kw_only=True):
    """A topic, as typed."""

    name: ClassVar[Literal["topic"]] = "topic"
    topic: str = ""
    max_articles: str = "20"
    apply_diversity: bool = True
    background: bool = True

    def submission(self) -> Submission:
        try:
            max_articles = int(self.max_articles)
        except ValueError as error:
            raise InvalidRequest("Number of articles must be a whole number.") from error
        return Submission(
            params=TopicCuration(
                topic=self.topic.strip(),
                max_articles=max_articles,
                apply_diversity=self.apply_diversity,
            )
        )


class UrlForm(Struct, frozen=True, kw_only=True):
    """A list of URLs, as typed."""

    name: ClassVar[Literal["urls"]] = "urls"
    urls: str = ""
    query: str = ""
    apply_diversity: bool = False
    background: bool = True

    def submission(self) -> Submission:
        return Submission(
            params=BatchAnalysis(
                urls=tuple(line.strip() for line in self.urls.splitlines() if line.strip()),
                query=self.query.strip() or None,
                apply_diversity=self.apply_diversity,
            )
        )


def read_form(body: bytes) -> TopicForm | UrlForm:
    """Raises InvalidRequest for what none of our forms sends."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError as error:
        raise InvalidRequest("Send the form of the home page, encoded as UTF-8.") from error
    fields = dict(pairs)
    apply_diversity, background = "apply_diversity" in fields, "background" in fields
    match fields.get("form"):
        case "topic":
            return TopicForm(
                topic=fields.get("topic", ""),
                max_articles=fields.get("max_articles", ""),
                apply_diversity=apply_diversity,
                background=background,
            )
        case "urls":
            return UrlForm(
                urls=fields.get("urls", ""),
                query=fields.get("query", ""),
                apply_diversity=apply_diversity,
                background=background,
            )
    raise InvalidRequest("form must be `topic` or `urls`.")
