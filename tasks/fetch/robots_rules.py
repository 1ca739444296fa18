"""The rules of a robots.txt: parsing, and the decision on one path (RFC 9309).

Strangers write these files, so parsing takes time and memory linear in the file's bytes, and a
decision takes about a millisecond at most, whatever the file contains.

Protego, the library for this, was used and given up: it stores each rule once for each agent of a
group, so that a file of 160 KB took 28 s and 1.25 GB on the event loop. It also ends a group at a
line that it does not know, and compares agents by prefix or not at all if a version follows.

- Agents are compared by their product token, case-insensitively, whatever follows it. All groups
  that name us count together; if there is none, all groups for `*` do.
- The longest matching pattern decides; of two of equal length, `Allow` does.
- `*` matches any characters, and `$` at the end of a pattern the end of the path.
- Paths and patterns are compared with their percent-encoding normalised.
- Common misspellings of directives are accepted, and so is a missing colon.
- `Crawl-delay` and `Request-rate`, which the RFC does not define, belong to a group like its rules.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote_from_bytes

MAX_PATTERN_CHARS = 8_000
"""Longer patterns are ignored: no address that we fetch is longer."""

MAX_VALUE_CHARS = 100
"""Of a `Crawl-delay` or `Request-rate`; longer values are ignored."""

SEARCH_BUDGET = 400_000
"""The characters that the search for wildcard patterns may compare in one path, which takes less
than a millisecond. Beyond that the path is disallowed. A real site needs a few thousand; only a
file and a path that were made to waste our time need more."""

CANDIDATE_COST, PART_COST = 300, 100
"""The preparation of one pattern, and of one of its parts, in characters compared."""

KEY_LENGTHS = (6, 2, 1)
"""Of the keys by which wildcard patterns are indexed: the path is scanned once for each length, in
0.5 ms where it is as long as an address can be."""

SCAN_KEYS_BELOW = 100
"""With fewer keys, it is faster to search the path for each than to scan it."""


class RobotsRules:
    """The rules of one robots.txt for one agent."""

    def __init__(self, patterns: Mapping[str, bool], interval: float = 0.0) -> None:
        """`patterns` maps each pattern to whether it allows."""
        self.interval = interval
        """Seconds between requests that the site asks for, unlimited; 0 if it asks for none."""
        self.size = len(patterns)
        """The number of rules."""
        self._exact: dict[str, _Verdict] = {}
        """By path, for patterns that end in `$`."""
        self._prefixes: dict[str, _Verdict] = {}
        self._wildcards: dict[str, list[_Wildcard]] = {}
        """By key, for patterns with a literal part after a `*`."""
        for pattern, allow in patterns.items():
            self._add(pattern, allow)
        self._prefix_lengths = sorted(set(map(len, self._prefixes)))
        self._key_lengths = set(map(len, self._wildcards)) - {1}

    def allows(self, path: str) -> bool:
        """`path` is the path of an address with its query."""
        if path.partition("?")[0] == "/robots.txt":
            return True
        normal = _normalised(path, kept=_PATH_KEPT)
        verdict = self._exact.get(normal, _DEFAULT)
        # The lengths of all prefixes add up to less than the file's, so their hashes cost little.
        for length in self._prefix_lengths:
            if length > len(normal):
                break
            verdict = max(verdict, self._prefixes.get(normal[:length], _DEFAULT))
        return self._with_wildcards(normal, verdict).allow

    def _add(self, pattern: str, allow: bool) -> None:
        anchored = pattern.endswith("$")
        normal = _normalised(pattern.removesuffix("$"), kept=_PATTERN_KEPT)
        verdict = _Verdict(len(normal) + anchored, allow)
        head, star, rest = normal.partition("*")
        parts = tuple(part for part in rest.split("*") if part)
        if parts:
            suffix = parts[-1] if anchored and not normal.endswith("*") else ""
            wildcard = _Wildcard(head, parts[:-1] if suffix else parts, suffix, verdict)
            self._wildcards.setdefault(wildcard.key, []).append(wildcard)
            return
        table = self._exact if anchored and not star else self._prefixes
        table[head] = max(verdict, table.get(head, _DEFAULT))
        if allow and head.endswith("/index.html"):
            # A site that allows an index page means the address of its folder too.
            folder = head.removesuffix("index.html")
            folder_verdict = _Verdict(len(folder) + 1, allow)
            self._exact[folder] = max(folder_verdict, self._exact.get(folder, _DEFAULT))

    def _with_wildcards(self, path: str, verdict: _Verdict) -> _Verdict:
        """The verdict, or that of a wildcard pattern which goes before it."""
        budget = SEARCH_BUDGET
        for wildcard in self._candidates(path):
            budget -= CANDIDATE_COST
            if wildcard.verdict > verdict and wildcard.has_ends_of(path):
                budget -= wildcard.search_cost(path)
                if budget >= 0 and wildcard.parts_occur_in(path):
                    verdict = wildcard.verdict
            if budget < 0:
                return _TOO_EXPENSIVE
        return verdict

    def _candidates(self, path: str) -> Iterator[_Wildcard]:
        """The wildcard patterns whose key occurs in the path."""
        if len(self._wildcards) < SCAN_KEYS_BELOW:
            keys = {key for key in self._wildcards if key in path}
        else:
            keys = set(path)
            for length in self._key_lengths:
                keys.update([path[end - length : end] for end in range(length, len(path) + 1)])
            keys.intersection_update(self._wildcards)
        for key in keys:
            yield from self._wildcards[key]


class _Verdict(NamedTuple):
    """The effect of a rule. Of all rules that match, the greatest verdict decides."""

    length: int
    """Of the pattern."""
    allow: bool


_DEFAULT = _Verdict(-1, True)
_TOO_EXPENSIVE = _Verdict(-1, False)


class _Wildcard(NamedTuple):
    """A pattern with at least one literal part after a `*`."""

    head: str
    """The beginning of the path, before the first `*`."""
    parts: tuple[str, ...]
    """What follows it anywhere, in this order."""
    suffix: str
    """The end of the path, after all parts; empty where the pattern has no `$`."""
    verdict: _Verdict

    @property
    def key(self) -> str:
        """The end of the longest part: a path without it does not match. The ends of parts differ
        more than their beginnings, in lists such as `/*/item1`, `/*/item2`."""
        longest = max((*self.parts, self.suffix), key=len)
        return next(longest[-length:] for length in KEY_LENGTHS if length <= len(longest))

    def has_ends_of(self, path: str) -> bool:
        return path.startswith(self.head) and path.endswith(self.suffix)

    def search_cost(self, path: str) -> int:
        """The most characters that `parts_occur_in` can compare.

        `str.find` compares a part only at places of its last character, and each part is searched
        behind the one before, so that all of them together pass each place once.
        """
        cost = len(path) + PART_COST * len(self.parts)
        if not self.parts:
            return cost
        places = {last: path.count(last) for last in {part[-1] for part in self.parts}}
        comparisons = sum(places[part[-1]] * len(part) for part in self.parts)
        return cost + min(comparisons, len(path) * max(map(len, self.parts)))

    def parts_occur_in(self, path: str) -> bool:
        """Whether the parts occur in their order, between the head and the suffix.

        The first place of each part leaves the most room for the others, so that each is searched
        once, without backtracking.
        """
        end = len(self.head)
        for part in self.parts:
            start = path.find(part, end)
            if start < 0:
                return False
            end = start + len(part)
        return end <= len(path) - len(self.suffix)


_PATH_KEPT, _PATTERN_KEPT = b"/%", b"/%*"

_ALREADY_NORMAL = {
    _PATH_KEPT: re.compile(r"[A-Za-z0-9_.~/?&=:;,+-]*"),
    _PATTERN_KEPT: re.compile(r"[A-Za-z0-9_.~/?&=:;,+*-]*"),
}
"""Most paths and patterns, which need no further work."""

_SAFE = bytes(range(0x21, 0x7F)).replace(b"%", b"").replace(b"*", b"")
"""Printable ASCII, which stays as it is."""
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def _normalised(text: str, *, kept: bytes) -> str:
    """The text with each character escaped if and only if it must be, so that all spellings of a
    path are equal. An escape of a `kept` character differs from the character and stays."""
    if _ALREADY_NORMAL[kept].fullmatch(text):
        return text

    def unescaped(match_: re.Match[bytes]) -> bytes:
        char = bytes.fromhex(match_[1].decode("ascii"))
        return match_[0].upper() if char in kept else char

    octets = _ESCAPE.sub(unescaped, text.encode("utf-8", "surrogateescape"))
    return quote_from_bytes(octets, safe=_SAFE + kept)


class _Group:
    """The rules of all groups for one agent, as they are read."""

    def __init__(self) -> None:
        self.patterns: dict[str, bool] = {}
        self.crawl_delay = 0.0
        self.request_interval = 0.0
        """Seconds; of several values the last valid one counts."""

    def add(self, directive: str, value: str) -> None:
        match directive:
            case "allow" | "disallow":
                if value.startswith(("/", "*")) and len(value) <= MAX_PATTERN_CHARS:
                    self.patterns[value] = directive == "allow" or self.patterns.get(value, False)
            case "crawl-delay" if (seconds := _crawl_delay(value)) is not None:
                self.crawl_delay = seconds
            case "request-rate" if (seconds := _request_interval(value)) is not None:
                self.request_interval = seconds

    def rules(self) -> RobotsRules:
        return RobotsRules(self.patterns, max(self.crawl_delay, self.request_interval))


def parse_rules(body: bytes, token: str) -> RobotsRules:
    """The rules for the agent with this product token, in lower case. Any bytes are accepted."""
    groups = {"*": _Group()}
    agents: set[str] = set()
    """The agents of the present group that concern us."""
    previous = ""
    for directive, value in _directives(body):
        if directive == "user-agent":
            if previous != "user-agent":
                agents = set()
            agent = "*" if value.split(None, 1)[:1] == ["*"] else product_token(value)
            if agent and agent in ("*", token):
                agents.add(agent)
                groups.setdefault(agent, _Group())
        else:
            for agent in agents:
                groups[agent].add(directive, value)
        previous = directive
    return groups.get(token, groups["*"]).rules()


_PRODUCT = re.compile(r"[^\s/*(),;:]+")


def product_token(agent: str) -> str:
    """The product token at the beginning of an agent's name, in lower case: what both sides of the
    comparison are reduced to. Empty where there is none."""
    match_ = _PRODUCT.match(agent.strip())
    return match_[0].lower() if match_ else ""


_DIRECTIVES = {
    "user-agent": "user-agent",
    "useragent": "user-agent",
    "user agent": "user-agent",
    "allow": "allow",
    "disallow": "disallow",
    "dissallow": "disallow",
    "dissalow": "disallow",
    "disalow": "disallow",
    "diasllow": "disallow",
    "disallaw": "disallow",
    "crawl-delay": "crawl-delay",
    "crawl delay": "crawl-delay",
    "request-rate": "request-rate",
    "request rate": "request-rate",
    "visit-time": "visit-time",
    "visit time": "visit-time",
}
"""All spellings of the directives that belong to a group. Other lines, such as `Sitemap`, belong to
none, and do not end the list of agents of one."""

_LINE_END = re.compile(r"\r\n?|\n")


def _directives(body: bytes) -> Iterator[tuple[str, str]]:
    """The directives and their values, in order."""
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    for line in _LINE_END.split(text):
        content = line.partition("#")[0].strip()
        if content and (directive := _directive(content)):
            yield directive


def _directive(line: str) -> tuple[str, str] | None:
    """With a colon after the name, or without one (`Disallow /x`)."""
    name, colon, value = line.partition(":")
    directive = _DIRECTIVES.get(name.strip().lower())
    if directive and colon:
        return directive, value.strip()
    if colon and (not value or value[0].isspace()):
        return None
    words = line.split(None, 2)
    for count in (1, 2):
        directive = _DIRECTIVES.get(" ".join(words[:count]).lower())
        if directive:
            return directive, " ".join(words[count:])
    return None


def _crawl_delay(value: str) -> float | None:
    """Seconds; None for an invalid number."""
    try:
        seconds = float(value) if len(value) <= MAX_VALUE_CHARS else -1.0
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


_RATE = re.compile(r"([0-9]+)/([0-9]+)([smhd]?)(?:\s+[0-9]{3,4}-[0-9]{3,4})?", re.IGNORECASE)
"""Requests, the time for them, and perhaps the time of day for which that holds."""

_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def _request_interval(value: str) -> float | None:
    """Seconds between requests; None for an invalid rate."""
    match_ = _RATE.fullmatch(value) if len(value) <= MAX_VALUE_CHARS else None
    if match_ is None:
        return None
    requests, seconds = int(match_[1]), int(match_[2]) * _UNIT_SECONDS[match_[3].lower()]
    return seconds / requests if requests and seconds else None
