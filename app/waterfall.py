"""Where the time of a job went: its attempts in the order of their starts, and what each did when.

At each moment an attempt does one thing. Where its spans overlap, work hides waiting: the first of
`Part`, in its order, is what counts.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from tasks.telemetry import names
from tasks.telemetry.spans import FinishedSpan

MAX_ROWS = 40
"""Attempts that are shown one by one."""

MAX_HOSTS = 5


class Part(enum.StrEnum):
    """What an attempt does, or waits for."""

    ENGINE = "engine"
    FETCH = "fetch"
    LINE = "line"
    HOST = "host"
    OTHER = "other"
    QUEUE = "queue"


LABELS = {
    Part.QUEUE: "in the queue",
    Part.HOST: "waiting for its host",
    Part.FETCH: "fetching",
    Part.LINE: "waiting for the engine",
    Part.ENGINE: "engine",
    Part.OTHER: "the rest",
}
"""For people, in the order of an article."""

MIN_SECONDS = 1e-6
"""Of a waterfall: shares of it are drawn."""


class Segment(Struct, frozen=True):
    """A stretch of time in which an attempt did one thing. Times are seconds."""

    part: Part
    start: float
    """Since the job was submitted."""
    seconds: float


class Attempt(Struct, frozen=True, kw_only=True):
    """One attempt at one step."""

    step: str
    number: int
    url: str | None
    host: str | None
    """The URL's host, or the one that a postponed step waits for."""
    outcome: str
    reason: str | None
    detail: str | None
    start: float
    """Seconds since the job was submitted, when it was queued."""
    seconds: float
    """Without its time in the queue."""
    waited: float
    """In the queue."""
    segments: tuple[Segment, ...]
    stages: tuple[tuple[str, float], ...]
    """What the engine did, the longest first."""
    cached: tuple[str, ...]
    """What came from the cache of analyses: `reading`, `study`."""

    @property
    def parts(self) -> list[tuple[Part, float]]:
        """The time of each part, the longest first, without those that do not count."""
        least = max(0.001, 0.01 * (self.seconds + self.waited))
        return [entry for entry in _totals(self.segments) if entry[1] >= least]

    @property
    def troubled(self) -> bool:
        """Whether it did not succeed at once."""
        return self.outcome != "succeeded" or self.number > 1


class HostTime(Struct, frozen=True, kw_only=True):
    """What one host cost the job."""

    host: str
    fetches: int
    seconds: float
    """Of all fetches, with their waits for the host's turn."""
    slowest: float
    waited: float
    """For the host's turn, in workers and outside of them."""


class Folded(Struct, frozen=True):
    """The attempts that are not shown."""

    count: int
    median: float
    slowest: float


class Waterfall(Struct, frozen=True, kw_only=True):
    """Where the time of one job went. Times are seconds."""

    seconds: float
    """From the submit to the end of the last attempt."""
    started_after: float
    """How long the job waited for a worker."""
    attempts: tuple[Attempt, ...]
    folded: Folded | None
    parts: tuple[tuple[Part, float], ...]
    """The time of all attempts together, the largest first."""
    hosts: tuple[HostTime, ...]
    """The MAX_HOSTS that cost most."""
    dropped: int
    """Packs of spans that were not kept."""


def waterfall(spans: Sequence[FinishedSpan], dropped: int = 0) -> Waterfall | None:
    """None where no attempt has ended."""
    children: defaultdict[bytes, list[FinishedSpan]] = defaultdict(list)
    for span in spans:
        children[span.parent_id].append(span)
    roots = sorted(
        (span for span in spans if names.ATTEMPT in span.attributes),
        key=lambda span: (span.start_ns, span.span_id),
    )
    if not roots:
        return None
    origin = min(_queued_ns(span) for span in roots)
    submits = [span.start_ns for span in spans if span.name.startswith("send ")]
    origin = min([origin, *submits])
    attempts = [_attempt(span, list(_below(span, children)), origin) for span in roots]
    shown = _most_telling(attempts)
    end = max(attempt.start + attempt.waited + attempt.seconds for attempt in attempts)
    return Waterfall(
        seconds=max(end, MIN_SECONDS),
        started_after=attempts[0].start + attempts[0].waited,
        attempts=tuple(shown),
        folded=_folded(attempts, shown),
        parts=tuple(_totals(segment for each in attempts for segment in each.segments)),
        hosts=tuple(_hosts(spans, roots)[:MAX_HOSTS]),
        dropped=dropped,
    )


def _totals(segments: Iterable[Segment]) -> list[tuple[Part, float]]:
    totals: defaultdict[Part, float] = defaultdict(float)
    for segment in segments:
        totals[segment.part] += segment.seconds
    return sorted(totals.items(), key=lambda entry: -entry[1])


def _attempt(span: FinishedSpan, below: Sequence[FinishedSpan], origin: int) -> Attempt:
    attributes = span.attributes
    stages: defaultdict[str, float] = defaultdict(float)
    engine = {each.span_id for each in below if each.name in names.ENGINE_TASKS}
    for each in below:
        if each.parent_id in engine:
            stages[each.name] += each.seconds
    waited = _number(attributes.get(names.QUEUE_WAIT))
    url = _text(attributes.get("url.full"))
    return Attempt(
        step=str(attributes.get(names.STEP, "")),
        number=int(_number(attributes.get(names.ATTEMPT))),
        url=url,
        host=_text(attributes.get("server.address")) or _host(url),
        outcome=str(attributes.get(names.OUTCOME, "")),
        reason=_text(attributes.get("error.type")),
        detail=span.error,
        start=(_queued_ns(span) - origin) / 1e9,
        seconds=span.seconds,
        waited=waited,
        segments=tuple(_segments(span, below, waited, origin)),
        stages=tuple(sorted(stages.items(), key=lambda entry: -entry[1])),
        cached=tuple(map(str, attributes.get(names.CACHED, ()))),
    )


def _below(span: FinishedSpan, children: dict[bytes, list[FinishedSpan]]) -> Iterator[FinishedSpan]:
    pending = [span.span_id]
    seen = set(pending)
    while pending:
        for child in children.get(pending.pop(), ()):
            if child.span_id not in seen and names.ATTEMPT not in child.attributes:
                seen.add(child.span_id)
                pending.append(child.span_id)
                yield child


def _segments(
    span: FinishedSpan, below: Sequence[FinishedSpan], waited: float, origin: int
) -> Iterator[Segment]:
    if waited > 0:
        yield Segment(Part.QUEUE, (span.start_ns - origin) / 1e9 - waited, waited)
    order = list(Part)
    events: list[tuple[int, int, Part]] = []
    for part, start, end in [(Part.OTHER, span.start_ns, span.end_ns), *_stretches(below)]:
        start, end = max(start, span.start_ns), min(end, span.end_ns)
        if start < end:
            events += [(start, 1, part), (end, -1, part)]
    events.sort(key=lambda event: event[0])
    running: Counter[Part] = Counter()
    part, since = Part.OTHER, span.start_ns
    for at, change, changed in events:
        running[changed] += change
        now = next((each for each in order if running[each] > 0), Part.OTHER)
        if now is not part or at == span.end_ns:
            if at > since:
                yield Segment(part, (since - origin) / 1e9, (at - since) / 1e9)
            part, since = now, at


def _stretches(below: Sequence[FinishedSpan]) -> Iterator[tuple[Part, int, int]]:
    waits = [span for span in below if span.name == names.HOST_WAIT]
    for span in below:
        if span.name == names.HOST_WAIT:
            yield Part.HOST, span.start_ns, span.end_ns
        elif span.name == names.FETCH:
            own = [wait for wait in waits if wait.parent_id == span.span_id]
            start = span.start_ns
            for wait in sorted(own, key=lambda wait: wait.start_ns):
                yield Part.FETCH, start, wait.start_ns
                start = max(start, wait.end_ns)
            yield Part.FETCH, start, span.end_ns
        elif span.name in names.ENGINE_TASKS:
            begun = span.start_ns + round(_number(span.attributes.get(names.ENGINE_WAIT)) * 1e9)
            yield Part.LINE, span.start_ns, begun
            yield Part.ENGINE, begun, span.end_ns


def _most_telling(attempts: Sequence[Attempt]) -> list[Attempt]:
    """At most MAX_ROWS, in their order: those in trouble, then other steps than articles, then the
    slowest."""

    def weight(attempt: Attempt) -> tuple[bool, bool, float]:
        ordinary = attempt.step.startswith("analyse")
        return (not attempt.troubled, ordinary, -attempt.seconds)

    chosen = sorted(range(len(attempts)), key=lambda n: weight(attempts[n]))[:MAX_ROWS]
    return [attempts[n] for n in sorted(chosen)]


def _folded(attempts: Sequence[Attempt], shown: Sequence[Attempt]) -> Folded | None:
    kept = {id(attempt) for attempt in shown}
    rest = sorted(attempt.seconds for attempt in attempts if id(attempt) not in kept)
    return Folded(len(rest), rest[len(rest) // 2], rest[-1]) if rest else None


def _hosts(spans: Iterable[FinishedSpan], attempts: Iterable[FinishedSpan]) -> list[HostTime]:
    fetches: defaultdict[str, list[float]] = defaultdict(list)
    waits: defaultdict[str, float] = defaultdict(float)
    for span in spans:
        host = str(span.attributes.get("server.address", ""))
        if span.name == names.FETCH:
            fetches[host].append(span.seconds)
        elif span.name == names.HOST_WAIT:
            waits[host] += span.seconds
    outside: defaultdict[str, float] = defaultdict(float)
    for span in attempts:
        if span.attributes.get(names.OUTCOME) == "postponed":
            delay = _number(span.attributes.get(names.RETRY_DELAY))
            outside[str(span.attributes.get("server.address", ""))] += delay
    hosts = [
        HostTime(
            host=host,
            fetches=len(fetches[host]),
            seconds=sum(fetches[host]),
            slowest=max(fetches[host], default=0.0),
            waited=waits[host] + outside[host],
        )
        for host in {*fetches, *outside}
    ]
    return sorted(hosts, key=lambda each: (-each.seconds - outside[each.host], each.host))


def _queued_ns(span: FinishedSpan) -> int:
    return span.start_ns - round(_number(span.attributes.get(names.QUEUE_WAIT)) * 1e9)


def _host(url: str | None) -> str | None:
    try:
        return urlsplit(url).hostname if url else None
    except ValueError:
        return None


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0.0


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
