"""What speaks for and against a line of a page being part of its article, as numbers.

Of the line itself (its length, links and words), of the boxes around it (their tags and names, how
much text and how many links they hold), of the lines beside it, and of what others take for the
article: trafilatura (`t`), readability (`r`) and the page's own JSON-LD (`j`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import add

import numpy as np
import numpy.typing as npt

from nlp.extraction.blocks import Box, Line

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

SHINGLE = 4
"""Words in a row by which a line is found in a text."""

MIN_GOOD_CHARS, MIN_UNCLOSED_CHARS = 60, 140
MAX_GOOD_LINK_SHARE = 0.4
"""A line is good that reads like a paragraph: long enough, ended like a sentence or longer still,
and mostly outside links."""

CORE_SHARES = (0.5, 0.8)
"""A core is the smallest box that holds this share of the page's good text."""

MAX_LEVELS, MAX_DEPTH, MAX_NAMES = 6, 10, 3
"""Above these, levels, depths and numbers of named boxes make no difference."""

NAMES = {
    "comment": ("comment", "disqus", "discuss", "respond", "response", "reply", "replies"),
    "related": (
        "relat", "recommend", "recirc", "more-from", "more-on", "more-stor", "popular", "trending",
        "most-read", "most-view", "teaser", "promo", "outbrain", "taboola", "read-more",
        "read-next", "read-also",
    ),
    "meta": (
        "author", "byline", "meta", "date", "time", "credit", "caption", "copyright", "print",
        "hidden", "skip", "sr-only", "screen-reader",
    ),
    "good": (
        "article", "body", "content", "entry", "story", "post", "text", "main", "page", "prose",
        "paragraph",
    ),
}  # fmt: skip
"""What the class or id of a box may say of what is in it."""

NOTICES = (
    "all rights reserved", "copyright", "©", "cookie", "privacy policy", "terms of", "subscribe",
    "newsletter", "sign up", "log in", "javascript", "click here", "follow us", "e-mail", "email",
    "contact us",
)  # fmt: skip
MAX_NOTICE_CHARS = 300

INSIDE = ("blockquote", "footer", "nav", "section")
OWN = ("div", "li", "td")

_WORD = re.compile(r"\w+")
_END = re.compile(r"[.!?…。！？।؟]\W*$")
_END_CHARS = 20
_LABEL = re.compile(
    r"\W*(?:advertis|related|read (?:more|also|next|the)|see also|more (?:on|from|stories)"
    r"|subscribe|sign up|follow|share|copyright|©|all rights|photo|image|credit|source|cookie|click"
    r"|watch|video|comment|published|updated|posted|by |tags?|topics|newsletter|get the|download"
    r"|loading|view|show|continue|\d+ (?:comments|shares|min))"
)


Shingles = frozenset[tuple[str, ...]]


class Reading:
    """The text that someone takes for the article, to be asked what it covers."""

    def __init__(self, text: str) -> None:
        self.chars = len(text)
        lines = [_WORD.findall(line) for line in text.lower().splitlines()]
        self._shingles = _shingles([word for line in lines for word in line])
        self._short_lines = {" ".join(words) for words in lines if len(words) < SHINGLE}

    def share_of(self, words: Sequence[str], shingles: Shingles) -> float:
        """The share of a line's shingles that it has; of few words, whether it has that line."""
        if not shingles:
            return float(bool(words) and " ".join(words) in self._short_lines)
        return len(shingles & self._shingles) / len(shingles)


def _shingles(words: Sequence[str]) -> Shingles:
    return frozenset(zip(*(words[at:] for at in range(SHINGLE)), strict=False))


class Features:
    """The features of the lines of one page: each a column by its name, shape (lines,)."""

    def __init__(
        self,
        lines: Sequence[Line],
        boxes: Sequence[Box],
        readings: Mapping[str, Reading],
        title: str,
    ) -> None:
        """Of at least one line; `readings` by "t", "r" and "j"."""
        self.columns: dict[str, Array] = {}
        self._lines, self._boxes, self._readings = lines, boxes, readings
        self._texts = [line.text.lower() for line in lines]
        self._words = [_WORD.findall(text) for text in self._texts]
        self._chars = np.array([len(line.text) for line in lines], dtype=float)
        self._at: Places = np.array([line.box.index for line in lines])
        """The box of each line."""
        parents = [box.parent.index if box.parent else 0 for box in boxes]
        self._parents: Places = np.array(parents)
        self._add_own(title)
        self._add_readings()
        sums = self._add_boxes()
        self._add_names_and_tags()
        self.trust = self._add_cores(sums)
        """The share of the good text in the smaller core that trafilatura has."""
        self._add_groups()
        self._add_neighbours()

    def _add_own(self, title: str) -> None:
        columns = self.columns
        texts = self._texts
        links = np.array([line.link_chars for line in self._lines], dtype=float)
        ends = _flags(_END.search(text[-_END_CHARS:]) for text in texts)
        columns["link_share"] = links / self._chars
        is_long = np.where(ends > 0, MIN_GOOD_CHARS, MIN_UNCLOSED_CHARS) <= self._chars
        columns["good"] = _flags(is_long & (columns["link_share"] < MAX_GOOD_LINK_SHARE))
        columns["ends"] = ends
        columns["log_chars"] = np.log1p(self._chars)
        columns["label"] = _flags(_LABEL.match(text) for text in texts)
        columns["notice"] = _flags(
            len(text) < MAX_NOTICE_CHARS and any(notice in text for notice in NOTICES)
            for text in texts
        )
        in_title = " ".join(_WORD.findall(title.lower()))
        columns["title"] = _flags(_repeats(words, in_title) for words in self._words)

    def _add_readings(self) -> None:
        columns = self.columns
        good_chars = max(1.0, float((self._chars * columns["good"]).sum()))
        places = np.arange(len(self._lines))
        shingles = [_shingles(words) for words in self._words]
        for name, reading in self._readings.items():
            columns[name] = np.array(list(map(reading.share_of, self._words, shingles)))
            columns[f"{name}_chars"] = np.full(len(places), min(2, reading.chars / good_chars))
            covered = np.flatnonzero(columns[name] > 0.5)
            first, last = (covered[0], covered[-1]) if len(covered) else (len(places), -1)
            columns[f"{name}_before"] = _flags(places < first)
            columns[f"{name}_after"] = _flags(places > last)
            columns[f"{name}_from_last"] = np.log1p(np.maximum(0, places - last))
        columns["good_missed"] = columns["good"] * (1 - columns["t"])

    def _add_boxes(self) -> Array:
        """Returns the characters in each box: all, in links, good, and in trafilatura's text."""
        columns, chars = self.columns, self._chars
        shares = (np.ones(len(chars)), columns["link_share"], columns["good"], columns["t"])
        sums = np.array([self._within(chars * share) for share in shares]).T
        at = self._at
        for level in ("box", "parent", "grand"):
            of_box = np.maximum(1, sums[at, 0])
            columns[f"links_{level}"] = sums[at, 1] / of_box
            columns[f"good_{level}"] = sums[at, 2] / of_box
            columns[f"t_{level}"] = sums[at, 3] / of_box
            columns[f"share_{level}"] = sums[at, 2] / max(1.0, sums[0, 2])
            at = self._parents[at]
        return sums

    def _within(self, values: Array) -> list[float]:
        """Of each box, the sum of a value over the lines in it."""
        sums: list[float] = np.bincount(self._at, values, len(self._boxes)).tolist()
        for box in reversed(self._boxes):
            if box.parent:
                sums[box.parent.index] += sums[box.index]
        return sums

    def _add_names_and_tags(self) -> None:
        columns = self.columns
        own, names = self._names()
        for number, name in enumerate(NAMES):
            columns[f"own_{name}"] = own[self._at, number]
            columns[f"up_{name}"] = np.minimum(MAX_NAMES, names[self._at, number])
        around = [box.tags_around for box in self._boxes]
        for tag in INSIDE:
            columns[f"in_{tag}"] = _flags(tag in tags for tags in around)[self._at]
        for tag in OWN:
            columns[f"is_{tag}"] = _flags(line.box.tag == tag for line in self._lines)
        columns["hidden"] = _flags(line.box.hidden for line in self._lines)

    def _names(self) -> tuple[Array, Array]:
        """Of each box: which of NAMES it has; how many of it and the boxes around it have each."""
        known: dict[str, tuple[int, ...]] = {"": (0,) * len(NAMES)}
        own: list[tuple[int, ...]] = []
        around: list[tuple[int, ...]] = []
        for box in self._boxes:
            if box.names not in known:
                known[box.names] = _kinds(box.names.lower())
            own.append(known[box.names])
            outer = around[box.parent.index] if box.parent else known[""]
            around.append(tuple(map(add, outer, own[-1])))
        return np.array(own, dtype=float), np.array(around, dtype=float)

    def _add_cores(self, sums: Array) -> float:
        """How far a line is from each core; returns how much of the smaller one trafilatura has."""
        columns = self.columns
        depths = np.array([box.depth for box in self._boxes])
        for number, share in enumerate(CORE_SHARES):
            holds = np.flatnonzero(sums[:, 2] >= share * max(1.0, sums[0, 2]))
            core = int(holds[np.argmax(depths[holds])]) if len(holds) else 0
            levels = self._levels_above(core)[self._at]
            columns[f"core{number}"] = np.minimum(MAX_LEVELS, levels)
            columns[f"depth{number}"] = np.clip(depths[self._at] - depths[core], 0, MAX_DEPTH) * 1.0
            if number == 0:
                weights = self._chars * columns["good"] * (levels == 0)
        whole = max(1.0, float(weights.sum()))
        trust_in_r = float((weights * columns["r"]).sum()) / whole
        columns["r_trust"] = np.full(len(self._lines), trust_in_r)
        columns["r_missed"] = trust_in_r * (1 - columns["r"])
        return float((weights * columns["t"]).sum()) / whole

    def _levels_above(self, core: int) -> Array:
        """Of each box, how many levels above `core` the smallest box is that holds both."""
        above: dict[int, int] = {}
        index = core
        while index not in above:
            above[index] = len(above)
            index = int(self._parents[index])
        levels: list[float] = []
        for box in self._boxes:
            outer = levels[box.parent.index] if box.parent else 0.0
            levels.append(above.get(box.index, outer))
        return np.array(levels)

    def _add_groups(self) -> None:
        """Means over the lines whose boxes, and the boxes around these, look alike."""
        columns = self.columns
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for at, line in enumerate(self._lines):
            parent = line.box.parent or line.box
            groups[line.box.tag, line.box.names, parent.tag, parent.names].append(at)
        number: Places = np.zeros(len(self._lines), dtype=np.intp)
        for group, places in enumerate(groups.values()):
            number[places] = group
        chars = np.bincount(number, self._chars)
        for name in ("t", "link_share"):
            sums = np.bincount(number, self._chars * columns[name])
            columns[f"group_{name}"] = (sums / chars)[number]
        columns["group_lines"] = np.log(np.bincount(number))[number]

    def _add_neighbours(self) -> None:
        columns = self.columns
        for name in ("t", "r", "link_share", "good", "log_chars"):
            padded = np.concatenate([[0.0], columns[name], [0.0]])
            columns[f"{name}-1"], columns[f"{name}+1"] = padded[:-2], padded[2:]


def _flags(values: Iterable[object]) -> Array:
    """1 for each true value, else 0."""
    return np.array([1.0 if value else 0.0 for value in values])


def _kinds(names: str) -> tuple[int, ...]:
    """For each of NAMES, 1 if lower-case `names` have it."""
    return tuple(int(any(part in names for part in parts)) for parts in NAMES.values())


def _repeats(words: Sequence[str], title: str) -> bool:
    """Whether a line is the title or a part of some words of it."""
    line = " ".join(words)
    return bool(line) and (line == title or (len(words) >= SHINGLE and line in title))
