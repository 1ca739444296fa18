"""An article in a few sentences of its own."""

from __future__ import annotations

from nlp.words import sentences, words

MAX_SENTENCES = 3
MAX_CHARS = 500
MIN_WORDS = 5
"""Shorter lines are headings, bylines and datelines."""

_CLOSING = (".", "!", "?", "…", "。", "！", "？", '"', "”", "’", "»")


def lead_summary(title: str, text: str) -> str:
    """The first sentences of `text`, up to three and 500 characters, in their order.

    News puts what matters first, so the lead is a baseline that few extractive summarisers
    beat (Nallapati et al., AAAI 2017). Lines that are no sentence, and the title where the
    text repeats it, are passed over; a first sentence beyond the limit is cut at a word.
    """
    found = sentences(text)
    telling = [s for s in found if _is_telling(s) and words(s) != words(title)] or found
    summary = ""
    for sentence in telling[:MAX_SENTENCES]:
        longer = f"{summary} {sentence}".strip()
        if len(longer) > MAX_CHARS:
            break
        summary = longer
    return summary or _cut("".join(telling[:1]))


def _is_telling(sentence: str) -> bool:
    return sentence.endswith(_CLOSING) and len(words(sentence)) >= MIN_WORDS


def _cut(sentence: str) -> str:
    if len(sentence) <= MAX_CHARS:
        return sentence
    return sentence[: MAX_CHARS - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
