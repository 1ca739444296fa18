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

PUBLISHED = re.compile(r'"datePublished"\s{0,9}:\s{0,9}"([^"]{8,40})"')
"""A publication date anywhere in a page: also in broken JSON and in the data of a script."""

_ARTICLE_TYPES = ("Article", "BlogPosting", "Report", "LiveBlogPosting", "Review")
_CONTAINER_KEYS = ("@graph", "mainEntity", "mainEntityOfPage")


class LinkedArticle(Struct, frozen=True, kw_only=True):
    """An article as its page declares it; each part may be missing or wrong."""

    headline: str = ""
    authors: tuple[str, ...] = ()
    published: str = ""
    """As in the page; supposed to be ISO 8601."""
    body: str = ""
    """The whole text, where the publisher includes it; it may contain markup."""


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
    """The first JSON value of `text`, ignoring what follows it; None where it is broken."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text.strip())
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
    return LinkedArticle(
        headline=_text(node.get("headline")),
        authors=tuple(_names(node.get("author", persons), nodes)),
        published=_text(node.get("datePublished")) or published,
        body=_text(node.get("articleBody")),
    )


def _names(value: Any, nodes: list[dict[str, Any]]) -> Iterator[str]:
    """The names in an `author`: a person or a string, or a list of these."""
    for author in (value if isinstance(value, list) else [value])[:MAX_AUTHORS]:
        if isinstance(author, dict):
            name = _text(author.get("name")) or _referenced_name(author.get("@id"), nodes)
            if name and _is_person({"@type": "Person", **author}):
                yield name
        elif _text(author):
            yield _text(author)


def _is_person(node: dict[str, Any]) -> bool:
    return "Person" in _types(node)


def _types(node: dict[str, Any]) -> list[Any]:
    types = node.get("@type")
    return types if isinstance(types, list) else [types]


def _referenced_name(identifier: Any, nodes: list[dict[str, Any]]) -> str:
    """The name of the object with this `@id`; plugins of WordPress give authors by reference."""
    names = (_text(node.get("name")) for node in nodes if node.get("@id") == identifier)
    return next(filter(None, names), "") if identifier else ""


def _text(value: Any) -> str:
    """`value` if it is a string, else "".

    JSON can escape half a surrogate pair, which is not a character and cannot be encoded: it
    becomes "?".
    """
    return value.encode(errors="replace").decode().strip() if isinstance(value, str) else ""
