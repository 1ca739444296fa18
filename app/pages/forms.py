"""The forms of the pages, as browsers send them: each as the user typed it, and what it submits."""

from __future__ import annotations

from typing import ClassVar, Literal
from urllib.parse import parse_qsl

from msgspec import Struct

from app.url_lines import UrlLine, read_url_lines, usable
from tasks.errors import InvalidRequest
from tasks.jobs.job import BatchAnalysis, TopicCuration
from tasks.jobs.submission import MAX_DEADLINE_SECONDS, Submission

MAX_FIELDS = 20
"""Our forms have fewer."""

MAX_DEADLINE_MINUTES = round(MAX_DEADLINE_SECONDS / 60)


class CommonForm(Struct, frozen=True, kw_only=True):
    """What both forms of the home page have."""

    background: bool = True
    deadline: str = ""
    """In minutes; empty for none."""

    @property
    def has_options(self) -> bool:
        """Whether one of the folded options is used, which the page then shows."""
        return bool(self.deadline)

    def deadline_seconds(self) -> float | None:
        """Raises InvalidRequest."""
        if not self.deadline.strip():
            return None
        try:
            minutes = float(self.deadline)
        except ValueError:
            minutes = 0.0
        if not 0 < minutes <= MAX_DEADLINE_MINUTES:
            raise InvalidRequest(
                f"Deadline must be a number of minutes, above 0 and at most {MAX_DEADLINE_MINUTES}."
            )
        return minutes * 60


class TopicForm(CommonForm, frozen=True, kw_only=True):
    """A topic."""

    name: ClassVar[Literal["topic"]] = "topic"
    topic: str = ""
    max_articles: str = "20"
    apply_diversity: bool = True

    def submission(self) -> Submission:
        """Raises InvalidRequest."""
        try:
            max_articles = int(self.max_articles)
        except ValueError as error:
            raise InvalidRequest("Number of articles must be a whole number.") from error
        return Submission(
            params=TopicCuration(
                topic=self.topic.strip(),
                max_articles=max_articles,
                apply_diversity=self.apply_diversity,
            ),
            deadline_seconds=self.deadline_seconds(),
        )


class UrlForm(CommonForm, frozen=True, kw_only=True):
    """A list of URLs."""

    name: ClassVar[Literal["urls"]] = "urls"
    urls: str = ""
    query: str = ""
    apply_diversity: bool = False
    skip_invalid: bool = False
    """Whether lines that are no URLs are left out, instead of refusing the list."""

    @property
    def has_options(self) -> bool:
        return self.skip_invalid or bool(self.deadline)

    def lines(self) -> list[UrlLine]:
        return read_url_lines(self.urls.splitlines())

    def submission(self) -> Submission:
        """Raises InvalidRequest."""
        lines = usable(self.lines()) if self.skip_invalid else self.lines()
        return Submission(
            params=BatchAnalysis(
                urls=tuple(line.url for line in lines),
                query=self.query.strip() or None,
                apply_diversity=self.apply_diversity,
            ),
            deadline_seconds=self.deadline_seconds(),
        )


def parse_fields(body: bytes) -> dict[str, str]:
    """The fields of a form. Raises InvalidRequest for a body that none of our forms sends."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise InvalidRequest("Send a form of our pages, encoded as UTF-8.") from error


def parse_form(body: bytes) -> TopicForm | UrlForm:
    """A form of the home page. Raises InvalidRequest for any other body."""
    fields = parse_fields(body)
    apply_diversity, background = "apply_diversity" in fields, "background" in fields
    deadline = fields.get("deadline", "")
    match fields.get("form"):
        case "topic":
            return TopicForm(
                topic=fields.get("topic", ""),
                max_articles=fields.get("max_articles", ""),
                apply_diversity=apply_diversity,
                background=background,
                deadline=deadline,
            )
        case "urls":
            return UrlForm(
                urls=fields.get("urls", ""),
                query=fields.get("query", ""),
                apply_diversity=apply_diversity,
                background=background,
                deadline=deadline,
                skip_invalid="skip_invalid" in fields,
            )
    raise InvalidRequest("form must be `topic` or `urls`.")
