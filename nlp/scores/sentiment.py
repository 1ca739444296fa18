"""Sentiment: how neutral the tone of a text is."""

from __future__ import annotations

from functools import lru_cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from nlp.neutral import Unmeasurable
from nlp.text.words import TokenizedText

READ_SENTENCES = 400
"""Sentences read; more hardly change the mean."""


def neutrality(text: TokenizedText) -> float:
    """How neutral `text` is, 0–100: the mean over its sentences of (1 - |compound|) · 100.

    The compound score is VADER's (Hutto and Gilbert, ICWSM 2014), for English. VADER was made for
    social media and is weak on news: "war", "fear" and "crisis" count as opinion though they may be
    the subject. The mean over sentences reduces that; the compound of a whole text saturates.
    Raises `Unmeasurable` where there is no sentence.
    """
    shares = [1.0 - abs(_compound(sentence)) for sentence in text.sentences[:READ_SENTENCES]]
    if not shares:
        raise Unmeasurable("The text has no sentences.")
    return 100.0 * sum(shares) / len(shares)


def _compound(sentence: str) -> float:
    return float(_analyser().polarity_scores(sentence)["compound"])


@lru_cache(maxsize=1)
def _analyser() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()
