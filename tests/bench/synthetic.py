"""Articles by the thousand whose copies and events are known, as fingerprints.

What they have of real articles: 300 to 700 words of a Zipf distribution; sites that end half
of their texts with a notice of 40 words; one in ten a copy with a new byline or lead, cut to 60 %,
or with sentences dropped; directions around events of uneven size, in topics, with at most some
.888 between two that are no copies and .28 % of pairs at .75 or more, as in the pages that the
thresholds were set by. Copies lie as far from their originals as copies of real pages do.
"""

from __future__ import annotations

import hashlib
from collections import deque

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from nlp.analysis import Fingerprint
from nlp.similarity.fingerprint import shingles_of_words

VOCABULARY = 50_000
DIMENSION = 384
COPIES = 0.1
RECENT = 2_000
"""Originals that a copy is made of one of."""
SITES = 200
NOTICE_WORDS = 40
TOPICS = 40
EVENTS = 2_000
TOPIC_PART = 0.3
"""Of a vector's square that its topic makes up: the cosine of two events of one topic."""
OWN_PART = (0.14, 0.32)
"""Of its square that is its own: two reports of an event are at .68 to .86."""

Words = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]


class Planted(Struct, frozen=True, kw_only=True):
    """Articles, best first, with what is known of them."""

    prints: list[Fingerprint]
    urls: list[str]
    copy_of: list[int | None]
    """Place of the original."""
    event: list[int]


class Story(Struct, frozen=True, kw_only=True):
    """An original that may still be copied."""

    place: int
    words: Words
    row: Rows
    event: int


def planted(count: int, seed: int = 1) -> Planted:
    """`count` articles, the same for the same seed."""
    return _Press(seed).articles(count)


class _Press:
    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng(seed)
        ranks = np.arange(1, VOCABULARY + 1)
        self._often = np.cumsum(1 / ranks) / np.sum(1 / ranks)
        self._hashes = self._chance.integers(0, 2**64, VOCABULARY, dtype=np.uint64)
        self._notices = [self._words(NOTICE_WORDS) for _ in range(SITES)]
        sizes = 1 / (np.arange(EVENTS) + 8)
        self._common = np.cumsum(sizes) / sizes.sum()
        self._topics = self._directions(TOPICS)
        self._events = self._directions(EVENTS)

    def articles(self, count: int) -> Planted:
        recent: deque[Story] = deque(maxlen=RECENT)
        prints, copy_of, events = [], [], []
        for place in range(count):
            source = None
            if recent and self._chance.random() < COPIES:
                source = recent[int(self._chance.integers(len(recent)))]
                words, row = self._copy(source)
                story = Story(place=place, words=words, row=row, event=source.event)
            else:
                story = self._story(place)
                recent.append(story)
            prints.append(self._print(story))
            copy_of.append(source.place if source else None)
            events.append(story.event)
        urls = [f"https://site.example/{place}" for place in range(count)]
        return Planted(prints=prints, urls=urls, copy_of=copy_of, event=events)

    def _story(self, place: int) -> Story:
        words = self._words(int(self._chance.integers(300, 700)))
        if self._chance.random() < 0.5:
            words = np.concatenate([words, self._notices[int(self._chance.integers(SITES))]])
        event = int(np.searchsorted(self._common, self._chance.random()))
        own = self._chance.uniform(*OWN_PART)
        row = np.sqrt(TOPIC_PART) * self._topics[event % TOPICS]
        row = row + np.sqrt(1 - TOPIC_PART - 0.2) * self._events[event]
        row = row / np.linalg.norm(row) * np.sqrt(1 - own) + np.sqrt(own) * self._directions(1)[0]
        return Story(place=place, words=words, row=_unit(row), event=event)

    def _copy(self, source: Story) -> tuple[Words, Rows]:
        words, kind = source.words, int(self._chance.integers(5))
        if kind == 0:
            return np.concatenate([self._words(8), words]), self._turned(source.row, 0.95, 1.0)
        if kind == 1:
            return words[: round(0.6 * len(words))], self._turned(source.row, 0.89, 1.0)
        if kind == 2:
            return self._thinned(words, 0.1), self._turned(source.row, 0.89, 1.0)
        if kind == 3:
            return self._thinned(words, 0.3), self._turned(source.row, 0.78, 0.99)
        return np.concatenate([self._words(50), words]), self._turned(source.row, 0.73, 0.98)

    def _thinned(self, words: Words, share: float) -> Words:
        sentences = np.array_split(words, max(2, len(words) // 18))
        told = self._chance.permutation(len(sentences)) >= max(1, round(share * len(sentences)))
        return np.concatenate([part for part, kept in zip(sentences, told, strict=True) if kept])

    def _turned(self, row: Rows, least: float, most: float) -> Rows:
        """A direction at a cosine between the two."""
        aside = self._directions(1)[0]
        aside = _unit(aside - (aside @ row) * row)
        cosine = self._chance.uniform(least, most)
        return _unit(cosine * row + np.sqrt(1 - cosine**2) * aside)

    def _words(self, count: int) -> Words:
        return np.searchsorted(self._often, self._chance.random(count))

    def _directions(self, count: int) -> Rows:
        return _unit(self._chance.standard_normal((count, DIMENSION), dtype=np.float32))

    def _print(self, story: Story) -> Fingerprint:
        return Fingerprint(
            text_sha256=hashlib.sha256(story.words.tobytes()).hexdigest(),
            shingles=shingles_of_words(self._hashes[story.words]).tobytes(),
            embedding=story.row.astype("<f4").tobytes(),
        )


def _unit(rows: Rows) -> Rows:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / lengths, dtype=np.float32)
