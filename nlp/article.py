"""What a page and an article are, as data."""

from __future__ import annotations

import datetime as dt

from msgspec import Struct


class Page(Struct, frozen=True, kw_only=True):
    """One fetched document, before anything is known of it."""

    url: str
    """The address that answered, after redirects."""
    body: bytes
    """The decompressed body."""
    content_type: str | None = None
    """The `Content-Type` header as sent; its charset is a hint, not a truth."""


class Entity(Struct, frozen=True, kw_only=True):
    """A named thing in the text."""

    text: str
    label: str
    """The recogniser's class: PERSON, ORG, GPE, …"""
    count: int
    """How often it is mentioned in the words that were read for entities."""


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
    """Aware, in UTC; None where the page does not say."""
    language: str | None = None
    """ISO 639-1 code; None where the text is too short to tell."""
