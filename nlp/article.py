"""Pages and articles, as data."""

from __future__ import annotations

import datetime as dt

from msgspec import Struct


class Page(Struct, frozen=True, kw_only=True):
    """One fetched document, before it is read."""

    url: str
    """The address of the response, after redirects."""
    body: bytes
    """The decompressed body."""
    content_type: str | None = None
    """The `Content-Type` header as sent; its charset may be wrong."""


class Entity(Struct, frozen=True, kw_only=True):
    """A named entity of the text."""

    text: str
    label: str
    """The class that the recogniser gives it: PERSON, ORG, GPE, …"""
    count: int
    """Mentions in the part of the text that was read for entities."""


class Article(Struct, frozen=True, kw_only=True, tag="article"):
    """The readable part of a page."""

    url: str
    canonical_url: str
    domain: str
    """The registrable domain, by the public suffix list."""
    title: str
    text: str
    word_count: int
    author: str | None = None
    publish_date: dt.datetime | None = None
    """Aware, in UTC; None where the page has none."""
    publish_date_is_guess: bool = False
    """Whether the page only shows a date that may mean another day or be that of something else."""
    language: str | None = None
    """ISO 639-1 code; None where the text is too short to detect it."""
