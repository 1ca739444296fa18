"""Pages that are no article: front and section pages, which list articles, and consent walls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from nlp.extraction.blocks import Box, Line

MIN_TEASERS = 5
"""Fewer teasers may stand within an article."""

MIN_HEADLINE_WORDS = 3
MIN_LINK_SHARE = 0.9
MIN_TEASER_CHARS, MAX_TEASER_CHARS = 40, 500
MIN_TEASER_SHARE = 0.7
"""Of the text: a page with more of it in teasers lists articles."""

MIN_CONSENT_WORDS = 12
MIN_CONSENT_SHARE = 0.05
"""Of all words; an article about cookies has fewer, for it also says who, when and where."""

HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))

_WORD = re.compile(r"\w+")
_CONSENT = re.compile(
    r"\b(?:cookies?|consent|privacy|partners?|vendors?|advertising|personali[sz]\w+|preferences"
    r"|legitimate interests?|personal data|device|zustimm\w+|einwillig\w+|datenschutz\w*"
    r"|consent\w+|traceurs?|confidentialité|partenaires|privacidad|socios|toestemming|privacybeleid"
    r"|samtyck\w+|samtykke\w*|consenso|informativa)\b",
    re.IGNORECASE,
)


def lists_articles(lines: Sequence[Line], kept: Sequence[Line]) -> bool:
    """Whether the `kept` ones of a page's lines are mostly teasers of other articles.

    A teaser is a heading that is a link, with the little text in the largest box around it that has
    no other such heading.
    """
    headlines = [line for line in lines if _is_headline(line)]
    if len(headlines) < MIN_TEASERS:
        return False
    counts = Counter(box.index for line in headlines for box in _around(line.box))
    boxes: dict[int, int] = {}
    for line in headlines:
        own = [box.index for box in _around(line.box) if counts[box.index] == 1]
        boxes[own[-1] if own else line.box.index] = 0
    texts = [line for line in kept if not _is_headline(line)]
    for line in texts:
        for box in _around(line.box):
            if box.index in boxes:
                boxes[box.index] += len(line.text)
                break
    teasers = [chars for chars in boxes.values() if MIN_TEASER_CHARS <= chars <= MAX_TEASER_CHARS]
    whole = sum(len(line.text) for line in texts)
    return len(teasers) >= MIN_TEASERS and sum(teasers) >= MIN_TEASER_SHARE * whole


def _around(box: Box | None) -> Iterator[Box]:
    """`box` and those around it, from the inside."""
    while box is not None:
        yield box
        box = box.parent


def _is_headline(line: Line) -> bool:
    is_heading = line.box.tag in HEADINGS
    is_link = line.link_chars >= MIN_LINK_SHARE * len(line.text)
    return is_heading and is_link and len(_WORD.findall(line.text)) >= MIN_HEADLINE_WORDS


def asks_for_consent(text: str) -> bool:
    """Whether `text` is about cookies and consent throughout."""
    found = len(_CONSENT.findall(text))
    return found >= MIN_CONSENT_WORDS and found >= MIN_CONSENT_SHARE * len(_WORD.findall(text))
