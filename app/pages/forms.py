"""The forms of the pages, as browsers send them: each as the user typed it, and what it submits."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal
from urllib.parse import parse_qsl

from msgspec import Struct
from msgspec.structs import asdict

from app.url_lines import UrlLine, read_url_lines, usable
from tasks.errors import InvalidRequest
from tasks.jobs.job import BatchAnalysis, TopicCuration
from tasks.jobs.options import JobOptions, WeightOptions
from tasks.jobs.submission import MAX_DEADLINE_SECONDS, Submission

MAX_FIELDS = 20
"""Our forms have fewer."""

MAX_DEADLINE_MINUTES = round(MAX_DEADLINE_SECONDS / 60)


class OptionFields(Struct, frozen=True, kw_only=True):
    """The folded options of a job; empty: as the settings say."""

    domain_cap: str = ""
    cluster_cap: str = ""
    min_relevance: str = ""
    weights: str = ""
    """As `recency=0.4 reputation=0.1`."""
    published_after: str = ""
    """A day, in UTC."""
    languages: str = ""
    include_domains: str = ""
    exclude_domains: str = ""
    sources: str = ""
    min_word_count: str = ""

    @property
    def any(self) -> bool:
        return any(value.strip() for value in asdict(self).values())

    def options(self) -> JobOptions | None:
        """Raises InvalidRequest."""
        if not self.any:
            return None
        return JobOptions(
            domain_cap=_whole("domain_cap", self.domain_cap),
            cluster_cap=_whole("cluster_cap", self.cluster_cap),
            min_relevance=_number("min_relevance", self.min_relevance),
            weights=self._weights(),
            published_after_ms=self._published_after_ms(),
            languages=_words(self.languages),
            include_domains=_words(self.include_domains),
            exclude_domains=_words(self.exclude_domains),
            sources=_words(self.sources),
            min_word_count=_whole("min_word_count", self.min_word_count),
        )

    def _weights(self) -> WeightOptions | None:
        shares: dict[str, float | None] = {}
        for word in _words(self.weights):
            name, _, share = word.partition("=")
            if name not in WeightOptions.__struct_fields__:
                known = ", ".join(WeightOptions.__struct_fields__)
                raise InvalidRequest(f"weights must be such as recency=0.4, of {known}.")
            shares[name] = _number(f"weights.{name}", share)
        return WeightOptions(**shares) if shares else None

    def _published_after_ms(self) -> int | None:
        text = self.published_after.strip()
        if not text:
            return None
        try:
            day = dt.date.fromisoformat(text)
            return int(dt.datetime.combine(day, dt.time(0), dt.UTC).timestamp() * 1000)
        except ValueError as error:
            raise InvalidRequest("published_after must be a day such as 2026-03-01.") from error


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _number(name: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InvalidRequest(f"{name} must be a number.") from error


def _whole(name: str, text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InvalidRequest(f"{name} must be a whole number.") from error


class CommonForm(Struct, frozen=True, kw_only=True):
    """What both forms of the home page have."""

    background: bool = True
    deadline: str = ""
    """In minutes; empty for none."""
    own: OptionFields = OptionFields()

    @property
    def has_options(self) -> bool:
        """Whether one of the folded options is used, which the page then shows."""
        return bool(self.deadline) or self.own.any

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
                options=self.own.options(),
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
        return self.skip_invalid or bool(self.deadline) or self.own.any

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
                options=self.own.options(),
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
    own = OptionFields(**{name: fields.get(name, "") for name in OptionFields.__struct_fields__})
    match fields.get("form"):
        case "topic":
            return TopicForm(
                topic=fields.get("topic", ""),
                max_articles=fields.get("max_articles", ""),
                apply_diversity=apply_diversity,
                background=background,
                deadline=deadline,
                own=own,
            )
        case "urls":
            return UrlForm(
                urls=fields.get("urls", ""),
                query=fields.get("query", ""),
                apply_diversity=apply_diversity,
                background=background,
                deadline=deadline,
                own=own,
                skip_invalid="skip_invalid" in fields,
            )
    raise InvalidRequest("form must be `topic` or `urls`.")
