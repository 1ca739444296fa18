"""From the characters of a page to a tree whose size is bounded, whatever the page is."""

from __future__ import annotations

import re

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
"""What is kept of a page's elements, in its order; nine in ten news pages have below 1,200."""

MAX_TREE_CHARS = 300_000
"""What is kept of a page's text, menus and notices included; nine in ten have below 45,000."""

MAX_DEPTH = 64
"""Elements nested deeper become plain text; the deepest of 120 news pages reaches 51."""

MANY_ELEMENTS = 3_000
MAX_DEPTH_OF_MANY = 40
"""The same where there are many elements: what is measured for each of a chain of nested ones
reads all that is within them, so the product of depth and number counts."""

MAX_NAME_CHARS = 300_000
"""What is kept of all classes, ids and styles: every rule about boilerplate is a search in them."""

MAX_ATTRIBUTES = 1_000
"""Of one tag; libxml2 compares each with all before it (500,000 took over 5 s)."""

MAX_VALUE_CHARS = 10_000
"""Of one attribute; libxml2 is quadratic in writing one out (60,000 of "<!--" took a second)."""

UNREAD = (
    "script", "style", "svg", "noscript", "iframe", "template", "link", "video", "audio",
    "canvas", "object", "select",
)  # fmt: skip
"""What holds no running text, and most of a page's bytes."""

_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_DOCTYPE = re.compile(r"\s{0,100}<!doctype[^>]{0,1000}>", re.IGNORECASE)
_TOO_LARGE = XPath(f"count(//*) > {MAX_ELEMENTS} or string-length(string(/*)) > {MAX_TREE_CHARS}")
_MANY = XPath(f"count(//*) > {MANY_ELEMENTS}")
_TOO_DEEP = XPath("/*" * (MAX_DEPTH + 1))
_TOO_DEEP_OF_MANY = XPath("/*" * (MAX_DEPTH_OF_MANY + 1))
_LONG_VALUES = XPath(f"//@*[string-length() > {MAX_VALUE_CHARS}]")
_LARGE_TAG = re.compile(r"<[a-z][^<>]{10000,}", re.IGNORECASE)


def parse(html: str) -> _Element | None:
    """The tree of `html`, not yet bounded; None where the parser finds nothing.

    libxml2 ends it where elements are nested 256 deep. Comments and processing instructions are
    left out. The document type is too: where it is odd, libxml2 drops the page that follows.
    """
    text = _UNFIT.sub("", html)
    declared = _DOCTYPE.match(text)
    if declared:
        text = text[declared.end() :]
    try:
        text = _LARGE_TAG.sub(_with_few_attributes, text)
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
    # lxml.html asks a Python function for the class of every element; one class serves us.
    parser.set_element_class_lookup(ElementDefaultClassLookup(element=HtmlElement))
    return parser


def _with_few_attributes(tag: re.Match[str]) -> str:
    return " ".join(tag.group().split(None, MAX_ATTRIBUTES)[:MAX_ATTRIBUTES])


def bounded(tree: _Element, html_chars: int) -> _Element:
    """`tree` of a page of `html_chars`, changed in place: its text, within the bounds above."""
    strip_elements(tree, *UNREAD, with_tail=False)
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
    """Whether what is quadratic in the elements of `tree` had better be left out."""
    return bool(_MANY(tree))


def _cut_names(tree: _Element) -> None:
    left = MAX_NAME_CHARS
    for element in tree.iter():
        for name in ("class", "id", "style"):
            left -= len(element.get(name, ""))
            if left < 0:
                element.attrib.pop(name, None)


def _flatten(element: _Element) -> None:
    tail = element.tail
    text = "".join(element.itertext())
    element.clear()
    element.text, element.tail = text, tail


def _cut(tree: _Element) -> None:
    """Drops all that comes after the last element that is within the bounds."""
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


def line(element: _Element) -> str:
    """The text within `element`, its white space as single spaces."""
    return " ".join("".join(element.itertext()).split())
