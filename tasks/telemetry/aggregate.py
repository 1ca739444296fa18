"""A histogram for what happens at every step.

A call of OpenTelemetry's own instruments takes 12 to 18 us (24 with two readers), and a step that
fetches nothing costs a worker 61 us of processor time, of which telemetry may take 3. So the one
measurement that every step makes is added up here, in 1 us, and handed to the SDK aggregated when
somebody collects (`exposition.py`). All other instruments are the SDK's: an article makes some
thirty calls of them, half a millisecond of 122.
"""

from __future__ import annotations

import time
from bisect import bisect_left

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import AggregationTemporality, HistogramDataPoint
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.metrics.export import Metric as MetricData
from opentelemetry.trace import Span

from tasks.telemetry.metric import Labels, Metric

STARTED_NS = time.time_ns()
"""When this process began to count."""


class _Series:
    """What is known of one set of labels."""

    __slots__ = ("counts", "exemplars", "greatest", "least", "total")

    def __init__(self, buckets: int, value: float) -> None:
        self.counts = [0] * buckets
        self.total = 0.0
        self.least = self.greatest = value
        self.exemplars: dict[int, Exemplar] = {}
        """The latest of each bucket."""


class AggregateHistogram:
    """How often values fell into which bucket, and their sum."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._series: dict[Labels, _Series] = {}
        self.keeps_exemplars = False
        """Prometheus's text format does not show them."""

    def record(self, value: float, labels: Labels, span: Span) -> None:
        """A span that is sampled becomes an exemplar of the value, where these are kept."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = _Series(len(self._metric.bounds) + 1, value)
        bucket = bisect_left(self._metric.bounds, value)
        series.counts[bucket] += 1
        series.total += value
        if value < series.least:
            series.least = value
        elif value > series.greatest:
            series.greatest = value
        if self.keeps_exemplars:
            context = span.get_span_context()
            if context.trace_flags.sampled:
                series.exemplars[bucket] = Exemplar(
                    {}, value, time.time_ns(), context.span_id, context.trace_id
                )

    def collected(self) -> MetricData | None:
        """What was recorded so far; None if that is nothing. Called in any thread."""
        points = [self._point(labels, series) for labels, series in self._series.copy().items()]
        if not points:
            return None
        metric = self._metric
        data = HistogramData(points, AggregationTemporality.CUMULATIVE)
        return MetricData(metric.name, metric.meaning, metric.unit, data)

    def _point(self, labels: Labels, series: _Series) -> HistogramDataPoint:
        counts = series.counts.copy()
        return HistogramDataPoint(
            attributes=self._metric.attributes(labels),
            start_time_unix_nano=STARTED_NS,
            time_unix_nano=time.time_ns(),
            count=sum(counts),
            sum=series.total,
            bucket_counts=counts,
            explicit_bounds=self._metric.bounds,
            min=series.least,
            max=series.greatest,
            exemplars=list(series.exemplars.copy().values()),
        )
