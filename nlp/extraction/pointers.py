"""Lines of a page that only point elsewhere: headlines of others, cards, the title again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from lxml.etree import _Element, iterwalk

from nlp.urls import registrable_domain

MIN_HEADLINE_WORDS = 4
"""A link of fewer words is part of a text, such as a product, a name or "here"."""

MAX_LABEL_WORDS = 3
"""As in "Related:", "READ MORE:" and "[VIDEO]"."""

MAX_LABEL_CHARS = 400
"""How much of a line is searched for the beginning of a link."""

MAX_TITLE_LINES = 3
"""So many lines at the beginning may repeat the title."""

MIN_KEPT_SHARE = 0.5
"""Where less would be left, the page is a list of links and is left as it is."""

BLOCKS = frozenset(
    (
        "address", "article", "aside", "blockquote", "body", "br", "dd", "div", "dl", "dt",
        "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
        "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul",
    )
)  # fmt: skip
"""Elements that begin and end a line."""

_WORD = re.compile(r"\w+")
_LABEL_END = re.compile(r"[^\w\s]\s*$")
_SENTENCE_END = re.compile(r"[.!?…。]\W*$")


def plain(text: str) -> str:
    """The lower-case words of `text`: what is left when marks and spaces do not count."""
    return " ".join(_WORD.findall(text)).lower()


def without_pointers(lines: list[str], tree: _Element, url: str) -> list[str]:
    """`lines`, the text of the page `tree`, without those that are headlines of other articles.

    Such a line is a link of some words to another page of the same site, and nothing but a label
    beside it. A label on a line of its own goes with the headlines below it.
    """
    pointing = set(_pointing(_suspects(tree, lines), registrable_domain(url)))
    kept = [plain(line) not in pointing for line in lines]
    for at in range(len(lines) - 2, -1, -1):
        kept[at] = kept[at] and (kept[at + 1] or not _is_label(lines[at]))
    left = [line for line, stays in zip(lines, kept, strict=True) if stays]
    return left if sum(map(len, left)) >= MIN_KEPT_SHARE * sum(map(len, lines)) else lines


def without_title(lines: list[str], titles: set[str]) -> list[str]:
    """`lines` without the first ones, where they say one of `titles` again."""
    repeated = 0
    while repeated < min(MAX_TITLE_LINES, len(lines)) and plain(lines[repeated]) in titles:
        repeated += 1
    return lines[repeated:]


def _is_label(line: str) -> bool:
    return len(_WORD.findall(line)) <= MAX_LABEL_WORDS and not _SENTENCE_END.search(line)


def _suspects(tree: _Element, lines: list[str]) -> Iterator[_Element]:
    """The blocks of `tree` with a link that a line of `lines` may consist of, none within another.

    Most links of a page are not in its text, and are told by their first words.
    """
    beginnings = set(_beginnings(lines))
    found: set[_Element] = set()
    for link in tree.iter("a"):
        first = _WORD.findall("".join(link.itertext()).lower())[:MIN_HEADLINE_WORDS]
        if tuple(first) in beginnings:
            blocks = [one for one in link.iterancestors() if one.tag in BLOCKS]
            if blocks and found.isdisjoint(blocks):
                found.add(blocks[0])
                yield blocks[0]


def _beginnings(lines: list[str]) -> Iterator[tuple[str, ...]]:
    for line in lines:
        found = plain(line[:MAX_LABEL_CHARS]).split()
        for at in range(MAX_LABEL_WORDS + 1):
            if len(found) >= at + MIN_HEADLINE_WORDS:
                yield tuple(found[at : at + MIN_HEADLINE_WORDS])


def _pointing(blocks: Iterable[_Element], site: str) -> Iterator[str]:
    """The plain text of each line of `blocks` that points to another page of `site`."""
    for block in blocks:
        line = _Line()
        for event, element in iterwalk(block, events=("start", "end")):
            starts = event == "start"
            if element.tag in BLOCKS:
                if line.points_within(site):
                    yield plain(line.before + line.link + line.after)
                line = _Line()
            elif element.tag == "a":
                line.inside = starts
                line.targets += [element.get("href", "")] if starts else []
            line.add(element.text if starts else element.tail)


class _Line:
    """The text between two ends of line: what is linked, and what stands around it."""

    def __init__(self) -> None:
        self.before, self.link, self.after = "", "", ""
        self.targets: list[str] = []
        self.inside = False

    def add(self, text: str | None) -> None:
        if not text:
            return
        if self.inside:
            self.link += text
        elif self.targets:
            self.after += text
        else:
            self.before += text

    def points_within(self, site: str) -> bool:
        if len(self.targets) != 1 or len(_WORD.findall(self.link)) < MIN_HEADLINE_WORDS:
            return False
        label = _WORD.findall(self.before) + _WORD.findall(self.after)
        return (
            len(label) <= MAX_LABEL_WORDS
            and bool(_LABEL_END.search(self.before) or not self.before.strip())
            and _is_page_of(self.targets[0], site)
        )


def _is_page_of(target: str, site: str) -> bool:
    """Whether `target`, a link's address, is a page of `site` other than its front page."""
    try:
        parts = urlsplit(target.strip())
        host = parts.hostname or site
    except ValueError:
        return False
    return parts.path.strip("/") != "" and (host == site or host.endswith("." + site))
