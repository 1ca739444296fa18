"""XML as strangers write it, made such that a lenient parser loses nothing of it.

The parser is libxml2, which goes on after an error. What it would lose is mended in the text
before: bare ampersands, entities of HTML, control characters, and what stands before the first tag.
No entity is left that a document type could declare, so no bomb of entities goes off, and nothing
outside the document is read.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any

from lxml import etree

from nlp.article import Page
from nlp.extraction.charset import decode

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]{0,500}\?>", re.IGNORECASE)
_DOCTYPE = "<!DOCTYPE"
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_REFERENCE = (
    r"#0{0,5}[1-9][0-9]{0,6};|#[xX]0{0,5}[1-9a-fA-F][0-9a-fA-F]{0,5};|[a-zA-Z][a-zA-Z0-9]{1,30};"
)
_LONE_AMPERSAND = re.compile(rf"&(?!{_REFERENCE})")
_ENTITY = re.compile(rf"&(?:{_REFERENCE})")

MAX_TAGS = 200_000
"""Tags of a document that are read: 200 for each entry. Each costs two microseconds."""

MAX_PIECES = 1_000_000
"""Pieces of text that are read: each reference to a character begins a new one."""


class Target:
    """What receives the events of a document, as lxml calls them."""

    def start(self, tag: str, attributes: dict[str, str]) -> None: ...

    def end(self, tag: str) -> None: ...

    def data(self, text: str) -> None: ...

    def close(self) -> None: ...


class Enough(Exception):
    """Raised by a target that needs no more of the document."""


def text_of(page: Page) -> str:
    """The document's text from its first tag or brace on; empty where it has none."""
    text = decode(page.body, page.content_type)
    begins = re.search(r"[<{]", text)
    return text[begins.start() :] if begins else ""


def parse_markup(text: str, target: Target) -> None:
    """Sends the events of the document to the target, in time linear in the text."""
    parser = etree.XMLParser(
        target=_Limited(target),
        recover=True,
        resolve_entities="internal",
        load_dtd=False,
        no_network=True,
    )
    body = _without_type(_DECLARATION.sub("", _CONTROLS.sub("", text), count=1))
    body = _with_prefixes(_CDATA.sub(_escaped, body))
    prepared = _LONE_AMPERSAND.sub("&#38;", _ENTITY.sub(_character, body))
    try:
        parser.feed(prepared.encode("utf-8"))
        parser.close()
    except (Enough, etree.LxmlError, AssertionError):
        # What came before the end counts: lenient parsing ends where nothing more can be read.
        return


class _Limited(Target):
    """Passes on the events of a document up to a number."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._tags_left = MAX_TAGS
        self._pieces_left = MAX_PIECES

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._tags_left -= 1
        if self._tags_left < 0:
            raise Enough
        self._target.start(tag, attributes)

    def end(self, tag: str) -> None:
        self._target.end(tag)

    def data(self, text: str) -> None:
        self._pieces_left -= 1
        if self._pieces_left < 0:
            raise Enough
        self._target.data(text)


def _escaped(section: re.Match[str]) -> str:
    """The text of a CDATA section, such that nothing in it is mended as if it were markup."""
    return section[1].replace("&", "&#38;").replace("<", "&#60;").replace(">", "&#62;")


def _without_type(text: str) -> str:
    """The document without its type, which could declare entities."""
    start = text[:DECLARING_CHARS].upper().find(_DOCTYPE)
    if start >= 0:
        end, subset = text.find(">", start), text.find("[", start)
        if 0 <= subset < end:
            end = text.find(">", text.find("]", subset))
        text = text[:start] + text[end + 1 :] if end >= 0 else ""
    return text.replace(_DOCTYPE, "<DOCTYPE")


DECLARING_CHARS = 10_000
"""The beginning of a document, in which its type may be declared."""


def _with_prefixes(text: str) -> str:
    """Keeps prefixes that are not declared, as `media.title`: libxml2 would report a `title`."""
    undeclared = set(_USED_PREFIX.findall(text)) - set(_DECLARED_PREFIX.findall(text))
    if not undeclared:
        return text
    names = "|".join(sorted(undeclared)[:MAX_PREFIXES])
    return re.sub(rf"(</?)({names}):", r"\1\2.", text)


MAX_PREFIXES = 50
_USED_PREFIX = re.compile(r"</?([a-zA-Z][\w-]{0,30}):")
_DECLARED_PREFIX = re.compile(r"xmlns:([a-zA-Z][\w-]{0,30})\s*=")


def _character(entity: re.Match[str]) -> str:
    return _character_of(entity[0])


@lru_cache(maxsize=4_096)
def _character_of(reference: str) -> str:
    """What browsers show for a reference, such as `&#146;` for the apostrophe of Windows; an
    unknown one as it is written.

    Characters of markup stay references, but by number: after an error, libxml2 drops names.
    """
    char = html.unescape(reference)
    if char in _MARKUP:
        return f"&#{ord(char)};"
    return f"&#38;{reference[1:]}" if char.startswith("&") else _CONTROLS.sub("", char)


_MARKUP = frozenset("<>&\"'")


def local_name(tag: Any) -> tuple[str, str]:
    """Namespace, or the prefix where it is not declared, and name of an element, in lower case."""
    namespace, _, name = str(tag).rpartition("}")
    prefix, stop, after = name.partition(".")
    if stop:
        return prefix.lower(), after.lower()
    return namespace.removeprefix("{").lower(), name.lower()
