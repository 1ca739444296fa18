"""Parses the markup of a page into a tree whose size is bounded, however hostile the page is."""

from __future__ import annotations

import re
from itertools import islice

from lxml.etree import (
    ElementDefaultClassLookup,
    LxmlError,
    XPath,
    _Element,
    strip_attributes,
    strip_elements,
)
from lxml.html import HtmlElement, HTMLParser, document_fromstring

MAX_ELEMENTS = 8_000
"""Elements kept of a page, in document order; nine in ten news pages have fewer than 1,200."""

MAX_TREE_CHARS = 300_000
"""Text kept of a page, menus and notices included; nine in ten pages have less than 45,000."""

MAX_DEPTH = 64
"""Elements nested deeper become plain text; the deepest of 120 news pages reaches 51."""

MANY_ELEMENTS = 3_000
MAX_DEPTH_OF_MANY = 40
"""A page with more elements than MANY_ELEMENTS has this limit: a test of an element reads all text
within it, so a chain of nested elements costs the product of depth and number."""

MAX_NAME_CHARS = 300_000
"""Kept of all classes, ids and styles together: every boilerplate rule searches them."""

MAX_ATTRIBUTES = 1_000
"""Per tag; libxml2 compares each attribute with all before it (500,000 took over 5 s)."""

MAX_VALUE_CHARS = 10_000
"""Per attribute; libxml2 takes quadratic time to serialize one (60,000 of "<!--" took a second)."""

MAX_PIECES = 100
"""Pieces of text read of an element that is expected to hold a line."""

IGNORED_TAGS = (
    "script", "style", "svg", "noscript", "iframe", "template", "link", "video", "audio",
    "canvas", "object", "select",
)  # fmt: skip
"""Elements without running text; they hold most of a page's bytes."""

_INVALID_CHARS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_LONG_SPACE = re.compile(r"\s{100,}")
"""Indentation that templates leave; it would count against the limits on text."""

_DOCTYPE = re.compile(r"\s{0,100}<!doctype[^>]{0,1000}>", re.IGNORECASE)
_TOO_LARGE = XPath(f"count(//*) > {MAX_ELEMENTS} or string-length(string(/*)) > {MAX_TREE_CHARS}")
_MANY = XPath(f"count(//*) > {MANY_ELEMENTS}")
_TOO_DEEP = XPath("/*" * (MAX_DEPTH + 1))
_TOO_DEEP_OF_MANY = XPath("/*" * (MAX_DEPTH_OF_MANY + 1))
_LONG_VALUES = XPath(f"//@*[string-length() > {MAX_VALUE_CHARS}]")
_LONG_TAG = re.compile(r"<[a-z][^<>]{10000,}", re.IGNORECASE)


def parse(html: str) -> _Element | None:
    """The tree of `html`, not yet bounded; None where the parser finds nothing.

    libxml2 cuts it off where elements are nested 256 deep. Comments and processing instructions are
    left out, and so is the document type: after an odd one libxml2 drops the rest of the page.
    """
    text = _INVALID_CHARS.sub("", html)
    if len(text) > MAX_TREE_CHARS:
        text = _LONG_SPACE.sub(" ", text)
    doctype = _DOCTYPE.match(text)
    if doctype:
        text = text[doctype.end() :]
    try:
        text = _LONG_TAG.sub(_with_few_attributes, text)
        tree: _Element = document_fromstring(text.encode(), parser=_parser())
    except (LxmlError, ValueError):  # ParserError, "Document is empty", is an LxmlError
        return None
    return tree


def _parser() -> HTMLParser:
    parser = HTMLParser(
        collect_ids=False,
        default_doctype=False,
        encoding="utf-8",
        remove_comments=True,
        remove_pis=True,
    )
    # By default lxml.html calls a Python function for the class of every element; we need only one.
    parser.set_element_class_lookup(ElementDefaultClassLookup(element=HtmlElement))
    return parser


def _with_few_attributes(tag: re.Match[str]) -> str:
    return " ".join(tag.group().split(None, MAX_ATTRIBUTES)[:MAX_ATTRIBUTES])


def bounded(tree: _Element, html_chars: int) -> _Element:
    """`tree`, cut in place to the limits above, and without IGNORED_TAGS.

    `html_chars` is the length of the page; the checks that only a long page can fail are skipped
    for a shorter one.
    """
    for template in tree.iter("template"):
        if template.get("shadowrootmode") or template.get("shadowroot"):
            template.tag = "div"  # a declarative shadow root, which browsers show
    strip_elements(tree, *IGNORED_TAGS, with_tail=False)
    strip_attributes(tree, "rowspan", "colspan")  # each may ask for 65,534 cells
    if _TOO_LARGE(tree):
        _cut(tree)
    for element in (_TOO_DEEP_OF_MANY if has_many_elements(tree) else _TOO_DEEP)(tree):
        _flatten(element)
    for value in _LONG_VALUES(tree) if html_chars > MAX_VALUE_CHARS else ():
        value.getparent().attrib.pop(value.attrname, None)
    if html_chars > MAX_NAME_CHARS:
        _cut_names(tree)
    return tree


def has_many_elements(tree: _Element) -> bool:
    """Whether `tree` has too many elements for work that is quadratic in their number."""
    return bool(_MANY(tree))


def _cut(tree: _Element) -> None:
    """Drop everything after the first element beyond the limits."""
    chars = 0
    for count, element in enumerate(tree.iter(), 1):
        chars += len(element.text or "") + len(element.tail or "")
        if chars > MAX_TREE_CHARS or count > MAX_ELEMENTS:
            _drop_after(element)
            return


def _drop_after(last: _Element) -> None:
    for text in ("text", "tail"):
        setattr(last, text, (getattr(last, text) or "")[:MAX_TREE_CHARS])
    element: _Element | None = last
    del last[:]
    while element is not None:
        parent = element.getparent()
        if parent is not None:
            del parent[parent.index(element) + 1 :]
        element = parent


def _flatten(element: _Element) -> None:
    tail = element.tail
    text = "".join(element.itertext())
    element.clear()
    element.text, element.tail = text, tail


def _cut_names(tree: _Element) -> None:
    remaining = MAX_NAME_CHARS
    for element in tree.iter():
        for name in ("class", "id", "style"):
            remaining -= len(element.get(name, ""))
            if remaining < 0:
                element.attrib.pop(name, None)


def short_text(element: _Element, limit: int) -> str | None:
    """The text within `element` as `element_text` gives it; None where it has more characters."""
    pieces: list[str] = []
    for piece in islice(element.itertext(), MAX_PIECES):
        pieces.append(piece)
        limit -= len(piece.strip())
        if limit < 0:
            return None
    return " ".join("".join(pieces).split())


def element_text(element: _Element) -> str:
    """The text within `element`, its white space folded to single spaces."""
    return " ".join("".join(element.itertext()).split())
