"""The lines of a page as a browser would show them, and the boxes that they stand in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lxml.etree import _Element, iterwalk

BLOCK_TAGS = frozenset(
    (
        "address", "article", "aside", "blockquote", "body", "button", "caption", "center", "dd",
        "details", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1",
        "h2", "h3", "h4", "h5", "h6", "header", "html", "label", "legend", "li", "main", "menu",
        "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th",
        "thead", "tr", "ul",
    )
)  # fmt: skip
"""Elements that begin and end a line, and are boxes."""

BREAKS = frozenset(("br", "hr"))
"""Elements that only end a line."""

_HIDDEN_STYLE = re.compile(r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden", re.I)


class Box:
    """An element that is shown as a box."""

    __slots__ = ("depth", "hidden", "index", "names", "parent", "tag", "tags_around")

    def __init__(self, element: _Element | None, parent: Box | None, index: int) -> None:
        self.index = index
        """Its place in document order: that of its parent is smaller."""
        self.parent = parent
        self.depth: int = parent.depth + 1 if parent else 0
        self.tag = "" if element is None else str(element.tag)
        around: frozenset[str] = parent.tags_around if parent else frozenset()
        self.tags_around: frozenset[str] = around if self.tag in around else around | {self.tag}
        """Its tag and those of the boxes around it."""
        self.names = ""
        """Its class and id."""
        self.hidden: bool = parent is not None and parent.hidden
        if element is not None and element.attrib:
            self.names = f"{element.get('class') or ''} {element.get('id') or ''}".strip()
            self.hidden = self.hidden or _is_hidden(element)


class Line:
    """A line of text, its white space folded."""

    __slots__ = ("box", "link_chars", "targets", "text")

    def __init__(self, text: str, link_chars: int, targets: Sequence[str], box: Box) -> None:
        self.text, self.box = text, box
        self.targets = targets
        """Where its links lead."""
        self.link_chars = min(link_chars, len(text))
        """Characters of it that are within links."""


def lines_and_boxes(tree: _Element) -> tuple[list[Line], Sequence[Box]]:
    """The lines of `tree` in document order, and all boxes."""
    return _Walk().through(tree)


class _Walk:
    """Collects the pieces of text of one line after the other."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.boxes = [Box(None, None, 0)]
        self.box = self.boxes[0]
        self.pieces: list[str] = []
        self.targets: list[str] = []
        self.link_chars = self.open_links = 0

    def through(self, tree: _Element) -> tuple[list[Line], Sequence[Box]]:
        for event, element in iterwalk(tree, events=("start", "end")):
            starts = event == "start"
            tag = element.tag
            if tag in BLOCK_TAGS:
                self.end_line()
                self.enter(element) if starts else self.leave()
            elif tag in BREAKS:
                self.end_line()
            elif tag == "a":
                self.open_links += 1 if starts else -1
                if starts:
                    self.targets.append(element.get("href") or "")
            text = element.text if starts else element.tail
            if text:
                self.pieces.append(text)
                if self.open_links:
                    self.link_chars += len(text.strip())
        self.end_line()
        return self.lines, self.boxes

    def enter(self, element: _Element) -> None:
        self.box = Box(element, self.box, len(self.boxes))
        self.boxes.append(self.box)

    def leave(self) -> None:
        self.box = self.box.parent or self.box

    def end_line(self) -> None:
        if self.pieces:
            text = " ".join("".join(self.pieces).split())
            self.pieces.clear()
            if text:
                self.lines.append(Line(text, self.link_chars, tuple(self.targets), self.box))
            self.link_chars = 0
            self.targets.clear()


def _is_hidden(element: _Element) -> bool:
    return (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or bool(_HIDDEN_STYLE.search(element.get("style") or ""))
    )
