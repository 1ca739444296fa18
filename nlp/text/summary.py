"""Extractive summary: an article in two or three of its own sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from nlp.text.idf import idf
from nlp.text.words import FULL_STOPS, TokenizedText, stems, words

MAX_SENTENCES = 3
MAX_CHARS = 500
MIN_WORDS = 4
"""Shorter lines are headings, bylines and datelines."""

MIN_UNCLOSED_WORDS = 20
"""A line of this many words is a sentence even without closing punctuation."""

ENOUGH_WORDS = 30
"""With fewer words in two sentences a third is added."""

MAX_CANDIDATES = 8
"""Sentences considered: no later one was ever chosen on the benchmark's pages."""

POSITION_PENALTY = 0.1
"""Subtracted for each position, as a share of the title's weight."""

_CLOSING = (".", "!", "?", "…", '"', "”", "’", "»", *FULL_STOPS)
_CLOSING_CHARS = 3
"""How many of the last characters are searched: a bracket or an emoji may follow the full stop."""

_DATELINE = re.compile(
    r"""^(?:[A-Z][A-Z.’'-]+(?:,?\ [A-Z][A-Z.’'-]*){0,3}(?:,\ [A-Z][\w.]+)?   # SANTA FE, N.M.
          (?:\ \([^()]{2,30}\))?                                           # (AP)
        | \([A-Z][\w./ ]{1,28}\))
        \ (?:—|–|--|-)\ (?=\S)""",
    re.VERBOSE,
)
_PROMPT = re.compile(
    r"""^\W*(?:advertisement|all\ rights\ reserved|click\ here|copyright|editor['’]s\ note
        |follow\ (?:us|me)|(?:photo|image|picture|source)s?(?=:|\ by|\ credit|\ courtesy)
        |last\ updated|(?:posted|published|updated)\ (?:at|on)|(?:read|see)\ (?:also|more)
        |share\ this|sign\ up|subscribe)\b""",
    re.VERBOSE | re.IGNORECASE,
)


def lead_summary(title: str, text: TokenizedText) -> str:
    """The first sentence and, of the next seven, the one that covers most of the title.

    A third is added where the two have fewer than 30 words. The sentences are in the order of the
    text, with at most 500 characters in all; a longer first sentence is cut at a word. Lines that
    are not sentences, a repetition of the title and prompts ("Subscribe to …") are skipped;
    datelines are removed. The coverage of a sentence is the idf of the stems that it shares with
    the title, as a share of the title's total idf, less a tenth for each position.

    ROUGE-1/2/L against the description that 94 English news pages give of themselves, in brackets
    on the 40 whose description does not copy their beginning (`bench quality`):

    - the first three sentences: 43.3/35.2/40.0 (24.6/9.1/18.2);
    - this summary: 47.0/37.4/42.7 (29.0/11.0/21.0). Half of the gain is from stopping at two
      sentences: three by the same rule had 41.9/33.1/38.0 (25.6/9.4/18.5), where the first three
      had 42.6/34.4/39.3 (24.4/8.9/17.9); the first two had 45.8/36.8/42.2 (26.9/10.3/19.8);
    - the same eight sentences ranked by the cosine of their embedding with the title's:
      47.3/37.7/43.0 (28.8/10.8/20.8), with their centroid: 45.8/36.8/41.8 (26.7/10.6/19.6), for
      90 ms of processor time instead of 0.4;
    - centrality among the first thirty: 28.6/14.5/21.7 (23.7/8.3/16.1) by embeddings,
      27.7/14.3/21.6 (22.8/6.7/16.4) by TF-IDF as in LexRank (Erkan and Radev, JAIR 22, 2004). News
      puts the important first (Nallapati et al., AAAI 2017).
    """
    title_words = words(title)
    candidates = list(islice(_candidates(text, title_words), MAX_CANDIDATES))
    candidates = candidates or list(text.sentences[:MAX_SENTENCES])
    if not candidates:
        return ""
    candidates[0] = _DATELINE.sub("", candidates[0])
    if len(candidates[0]) > MAX_CHARS:
        return _cut(candidates[0])
    return " ".join(candidates[position] for position in sorted(_chosen(candidates, title_words)))


def _candidates(text: TokenizedText, title_words: Sequence[str]) -> Iterator[str]:
    """The sentences that could be part of a summary, in order."""
    for sentence in _rejoined(text.sentences):
        sentence_words = words(sentence)
        if len(sentence_words) < MIN_WORDS or sentence_words == title_words:
            continue
        is_whole = _is_closed(sentence) or len(sentence_words) >= MIN_UNCLOSED_WORDS
        if is_whole and _begins_like_a_sentence(sentence) and not _PROMPT.match(sentence):
            yield sentence


def _begins_like_a_sentence(sentence: str) -> bool:
    """Not in lower case, and not a row of a table."""
    return not sentence[0].islower() and sentence.count("|") < 2


def _rejoined(sentences: Iterable[str]) -> Iterator[str]:
    """The sentences, with those joined again that a line break has split."""
    whole = ""
    for sentence in sentences:
        continues = sentence[0].islower() and not whole.endswith(_CLOSING)
        if whole and continues and len(whole) + len(sentence) < MAX_CHARS:
            whole = f"{whole} {sentence}"
            continue
        if whole:
            yield whole
        whole = sentence
    if whole:
        yield whole


def _is_closed(sentence: str) -> bool:
    return any(mark in sentence[-_CLOSING_CHARS:] for mark in _CLOSING) and sentence[-1] != ":"


def _chosen(candidates: Sequence[str], title_words: Sequence[str]) -> list[int]:
    """The positions of the sentences to show: the first, then by coverage of the title."""
    weights = dict(zip(stems(title_words), map(idf, title_words), strict=True))
    total = sum(weights.values()) or 1.0

    def coverage(position: int) -> float:
        shared = weights.keys() & stems(words(candidates[position]))
        return sum(weights[stem] for stem in shared) / total - POSITION_PENALTY * position

    chosen = [0]
    chars, word_count = len(candidates[0]), len(words(candidates[0]))
    for position in sorted(range(1, len(candidates)), key=coverage, reverse=True):
        if len(chosen) == MAX_SENTENCES or (len(chosen) > 1 and word_count >= ENOUGH_WORDS):
            break
        if chars + 1 + len(candidates[position]) <= MAX_CHARS:
            chosen.append(position)
            chars += 1 + len(candidates[position])
            word_count += len(words(candidates[position]))
    return chosen


def _cut(sentence: str) -> str:
    return sentence[: MAX_CHARS - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
