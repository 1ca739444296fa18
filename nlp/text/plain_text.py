"""The text of a title or a summary that may hold markup, and may be about markup."""

from __future__ import annotations

import html
import re

MAX_MARKUP_CHARS = 20_000
"""What is read: a title may stand in a link whose address is long."""

_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<end>/?)(?P<name>[a-z][\w:.-]*)"
    r"(?P<attributes>(?:[\s/](?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)?)>",
    re.IGNORECASE | re.DOTALL,
)
_START_TAG = re.compile(r"<([a-z][\w:.-]*)", re.IGNORECASE)
_END_TAG = re.compile(r"</([a-z][\w:.-]*)", re.IGNORECASE)
_VOID = frozenset({"br", "hr", "img", "wbr"})
_INLINE = frozenset({
    "a", "abbr", "b", "big", "cite", "code", "del", "em", "font", "i", "ins", "mark", "q", "s",
    "small", "span", "strike", "strong", "sub", "sup", "tt", "u",
})  # fmt: skip
"""They part no words."""
_BLOCK = frozenset({"p", "div", "li", "h1", "h2", "h3", "h4"})


def plain_text(markup: object, max_chars: int) -> str:
    """The text in one line, without tags and entities; empty for what is no text.

    Of what looks like a tag, only what is used as one is left out: an element that is ended, has
    attributes, needs no end, or is a block around the whole text. "How the <main> element helps"
    and "vector<int>" stay as they are.
    """
    if not isinstance(markup, str):
        return ""
    cut = markup[:MAX_MARKUP_CHARS]
    if "<" in cut:
        started, ended = (
            {name.lower() for name in pattern.findall(cut)} for pattern in (_START_TAG, _END_TAG)
        )
        cut = _TAG.sub(lambda tag: _replacement(tag, started & ended), cut)
    return " ".join(html.unescape(cut).split())[:max_chars].rstrip()


def _replacement(tag: re.Match[str], paired: set[str]) -> str:
    """The tag itself where it is none."""
    name = (tag["name"] or "").lower()
    is_comment = not name
    is_used = name in _VOID or name in paired or "=" in (tag["attributes"] or "")
    outside = tag.string[tag.end() :] if tag["end"] else tag.string[: tag.start()]
    is_outermost = name in _BLOCK and not outside.strip()
    if not (is_comment or is_used or is_outermost):
        return tag[0]
    return "" if name in _INLINE or name == "wbr" else " "
