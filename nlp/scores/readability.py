"""How well a text reads, and whether it says enough."""

from __future__ import annotations

from collections.abc import Sequence

from nlp.neutral import Unmeasurable
from nlp.scores.syllables import syllables
from nlp.text.read_text import ReadText

FULL_LENGTH = 2.0
"""Times the minimum at which an article is long enough for full marks; at the minimum, half."""


def readability(text: ReadText, min_word_count: int) -> float:
    """The mean of length and ease, 0–100.

    length = 100 · min(1, words / (2 · min_word_count)): each article has the minimum, so only
    what lies beyond it can tell two apart. ease = `reading_ease`. Raises `Unmeasurable` where
    there is no word.
    """
    tokens = text.words
    if not tokens:
        raise Unmeasurable("The text has no words.")
    enough = FULL_LENGTH * min_word_count
    length = 100.0 * min(1.0, len(tokens) / enough) if enough > 0 else 100.0
    return (length + reading_ease(tokens, len(text.sentences))) / 2


def reading_ease(tokens: Sequence[str], sentence_count: int) -> float:
    """Flesch's reading ease of English (J. Appl. Psychol. 32, 1948), held within 0–100.

    206.835 - 1.015 · words / sentences - 84.6 · syllables / words. Expects at least one word
    and one sentence. Made for English: other languages have longer words, and no such score.
    """
    per_sentence = len(tokens) / sentence_count
    per_word = sum(map(syllables, tokens)) / len(tokens)
    return min(100.0, max(0.0, 206.835 - 1.015 * per_sentence - 84.6 * per_word))
