"""The article that a page describes in JSON-LD, in the vocabulary of schema.org."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lxml.etree import _Element
from msgspec import Struct

MAX_NODES = 500
"""Objects read per page; an article with its site and breadcrumbs has some ten."""

MAX_AUTHORS = 10
MAX_UPDATES = 300
"""Entries read of a live blog."""

PUBLISHED = re.compile(r'"datePublished"\s{0,9}:\s{0,9}"([^"]{8,40})"')
"""A publication date anywhere in a page: also in broken JSON and in the data of a script."""

_ARTICLE_TYPES = ("Article", "BlogPosting", "Report", "LiveBlogPosting", "Review")
_SITE_TYPES = ("WebSite", "Organization", "NewsMediaOrganization", "Blog")
_CONTAINER_KEYS = ("@graph", "mainEntity", "mainEntityOfPage")
_AROUND_JSON = re.compile(r"^(?:\s|/\*|\*/|//|<!--|<!\[CDATA\[)+")


class LinkedArticle(Struct, frozen=True, kw_only=True):
    """An article as its page declares it; each part may be missing or wrong."""

    headlines: tuple[str, ...] = ()
    """Its `headline` and its `name`, where it has them."""
    authors: tuple[str, ...] = ()
    """Persons, or names whose kind is not said."""
    organizations: tuple[str, ...] = ()
    """Authors that are no persons."""
    sites: tuple[str, ...] = ()
    """Names of its publisher and of the web site."""
    published: str = ""
    """As in the page; supposed to be ISO 8601."""
    body: str = ""
    """The whole text, where the publisher includes it; it may contain markup. Of a live blog, its
    entries."""


def linked_article(tree: _Element) -> LinkedArticle:
    """The first article that the JSON-LD of `tree` describes; empty where there is none.

    Lists of other articles, such as `ItemList`, are not searched. Where no object is an article,
    all persons are taken as authors; from broken JSON only the first `datePublished` is read.
    """
    nodes: list[dict[str, Any]] = []
    published = ""
    for script in tree.iter("script"):
        if "ld+json" in script.get("type", "").lower() and script.text:
            value = _parsed(script.text)
            nodes.extend(_nodes(value))
            if value is None and (date := PUBLISHED.search(script.text)):
                published = published or date.group(1)
    article = next(filter(_is_article, nodes), {})
    return _article(article, nodes, published)


def _parsed(text: str) -> Any:
    """The first JSON value of `text`, in a comment or CDATA section or not; None if it is broken.

    What follows the value is ignored.
    """
    opening = _AROUND_JSON.match(text[:1000])
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(
            text[opening.end() if opening else 0 :]
        )
    except (ValueError, RecursionError):
        return None
    return value


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in `value`, breadth first."""
    queue = [value]
    for _ in range(MAX_NODES):
        if not queue:
            return
        node = queue.pop(0)
        if isinstance(node, list):
            queue.extend(node[:MAX_NODES])
        elif isinstance(node, dict):
            yield node
            queue.extend(node[key] for key in _CONTAINER_KEYS if key in node)


def _is_article(node: dict[str, Any]) -> bool:
    return any(isinstance(type_, str) and type_.endswith(_ARTICLE_TYPES) for type_ in _types(node))


def _article(node: dict[str, Any], nodes: list[dict[str, Any]], published: str) -> LinkedArticle:
    persons = [other for other in nodes if _is_person(other)]
    authors = list(_authors(node.get("author") or node.get("creator") or persons, nodes))
    sites = [_text(other.get("name")) for other in nodes if _is_site(other)]
    sites += [name for name, _ in _authors(node.get("publisher"), nodes)]
    return LinkedArticle(
        headlines=tuple(filter(None, (_text(node.get(key)) for key in ("headline", "name")))),
        authors=tuple(name for name, is_person in authors if is_person),
        organizations=tuple(name for name, is_person in authors if not is_person),
        sites=tuple(filter(None, sites)),
        published=_text(node.get("datePublished")) or published,
        body=_body(node),
    )


def _body(node: dict[str, Any]) -> str:
    updates = node.get("liveBlogUpdate")
    entries = updates[:MAX_UPDATES] if isinstance(updates, list) else [updates]
    texts = [_text(entry.get("articleBody")) for entry in entries if isinstance(entry, dict)]
    return max(_text(node.get("articleBody")), "\n".join(filter(None, texts)), key=len)


def _authors(value: Any, nodes: list[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    """The names in an `author` of any form, and whether each may be that of a person."""
    for author in (value if isinstance(value, list) else [value])[:MAX_AUTHORS]:
        if isinstance(author, dict):
            name = _name(author) or _referenced_name(author.get("@id"), nodes)
            if name:
                yield name, _is_person({"@type": "Person", **author})
        elif _text(author):
            yield _text(author), True


def _name(person: dict[str, Any]) -> str:
    name = person.get("name")
    if isinstance(name, list):
        name = next(iter(name), None)
    parts = (_text(person.get(key)) for key in ("givenName", "additionalName", "familyName"))
    return _text(name) or " ".join(filter(None, parts))


def _is_person(node: dict[str, Any]) -> bool:
    return "Person" in _types(node)


def _is_site(node: dict[str, Any]) -> bool:
    return any(type_ in _SITE_TYPES for type_ in _types(node) if isinstance(type_, str))


def _types(node: dict[str, Any]) -> list[Any]:
    types = node.get("@type")
    return types if isinstance(types, list) else [types]


def _referenced_name(identifier: Any, nodes: list[dict[str, Any]]) -> str:
    """The name of the object with this `@id`; plugins of WordPress give authors by reference."""
    names = (_name(node) for node in nodes if node.get("@id") == identifier)
    return next(filter(None, names), "") if identifier else ""


def _text(value: Any) -> str:
    """`value` if it is a string, else "".

    JSON can escape half a surrogate pair, which is not a character and cannot be encoded: it
    becomes "?".
    """
    return value.encode(errors="replace").decode().strip() if isinstance(value, str) else ""
