"""Collects the spans that one process makes of a trace, until all of a tree have ended.

A tree begins with a span whose parent is in another process, or that has none: a request, a submit
or an attempt at a step. It is passed on as a whole or, if the process is killed, not at all. So no
collector and no job ever has a span whose parent was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

Sink = Callable[[Sequence[ReadableSpan]], None]
"""Gets the spans of a tree, in the order in which they ended."""


class _Tree:
    __slots__ = ("ended", "open")

    def __init__(self) -> None:
        self.open = 0
        self.ended: list[ReadableSpan] = []


class LocalTrees(SpanProcessor):
    """A span processor whose sinks get whole trees. It belongs to one thread."""

    def __init__(self) -> None:
        self._trees: dict[int, _Tree] = {}
        """By the id of each open span."""
        self._sinks: list[Sink] = []

    def add_sink(self, sink: Sink) -> None:
        self._sinks.append(sink)

    @contextmanager
    def passed_to(self, sink: Sink) -> Iterator[None]:
        """Passes trees to this sink too, during the body."""
        self._sinks.append(sink)
        try:
            yield
        finally:
            self._sinks.remove(sink)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        parent = span.parent
        tree = self._trees.get(parent.span_id) if parent and not parent.is_remote else None
        if tree is None:
            tree = _Tree()
        tree.open += 1
        self._trees[span.context.span_id] = tree

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        tree = self._trees.pop(context.span_id, None) if context else None
        if tree is None:
            return
        tree.ended.append(span)
        tree.open -= 1
        if not tree.open:
            for sink in self._sinks:
                sink(tree.ended)
