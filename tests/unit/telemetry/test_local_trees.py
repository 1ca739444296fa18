"""Spans are passed on as whole trees."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from tasks.telemetry.local_trees import LocalTrees


class Collected:
    def __init__(self) -> None:
        self.trees: list[list[str]] = []
        trees = LocalTrees()
        trees.add_sink(self._take)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(trees)
        self.tracer = provider.get_tracer("test")
        self.open = trees._trees

    def _take(self, tree: Sequence[ReadableSpan]) -> None:
        self.trees.append([span.name for span in tree])


def test_a_tree_is_passed_on_once_all_of_it_has_ended() -> None:
    collected = Collected()
    with collected.tracer.start_as_current_span("root"):
        with collected.tracer.start_as_current_span("child"):
            collected.tracer.start_span("grandchild").end()
        assert collected.trees == []
    assert collected.trees == [["grandchild", "child", "root"]]
    assert collected.open == {}


def test_a_child_that_outlives_its_root_is_waited_for() -> None:
    collected = Collected()
    with collected.tracer.start_as_current_span("root"):
        late = collected.tracer.start_span("late")
    assert collected.trees == []
    late.end()
    assert collected.trees == [["root", "late"]]


def test_trees_of_two_roots_are_kept_apart() -> None:
    collected = Collected()
    first, second = (collected.tracer.start_span(name) for name in ("first", "second"))
    for parent in (first, second, first):
        with trace.use_span(parent):
            collected.tracer.start_span("child").end()
    second.end()
    first.end()
    assert collected.trees == [["child", "second"], ["child", "child", "first"]]


def test_a_span_below_another_process_begins_a_tree() -> None:
    collected = Collected()
    remote = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    with trace.use_span(NonRecordingSpan(remote)):
        collected.tracer.start_span("attempt").end()
    assert collected.trees == [["attempt"]]


def test_a_span_that_begins_after_its_tree_has_ended_is_a_tree() -> None:
    collected = Collected()
    ended = collected.tracer.start_span("root")
    ended.end()
    with trace.use_span(ended):
        collected.tracer.start_span("too late").end()
    assert collected.trees == [["root"], ["too late"]]
    assert collected.open == {}
