"""The form in which metrics are declared, so that names, units and labels stand in one place.

A name and a unit are OpenTelemetry's: `curator.fetch.duration` in `s` is
`curator_fetch_duration_seconds` in Prometheus. Each metric has a fixed set of labels, and each
label few values: never a URL, a host or the id of a job.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation

SCOPE = "content-curator"

meter = metrics.get_meter(SCOPE)
"""Of this process. What is counted before `configure_metrics`, or without it, is dropped."""

Labels = tuple[str, ...]
"""Values of labels, in the order in which the metric names them."""

Values = Mapping[Labels, float]

SUFFIXES = {"s": "_seconds", "By": "_bytes", "1": "_ratio"}


class Kind(enum.StrEnum):
    """What a metric is for Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(Struct, frozen=True, kw_only=True):
    """One metric."""

    name: str
    kind: Kind
    meaning: str
    labels: Labels = ()
    unit: str = ""
    bounds: tuple[float, ...] = ()
    """Of a histogram: the upper, inclusive bounds of its buckets, ascending."""

    @property
    def shown_name(self) -> str:
        """As Prometheus shows it. A histogram has `_bucket`, `_sum` and `_count` after that."""
        name = self.name.replace(".", "_") + SUFFIXES.get(self.unit, "")
        return f"{name}_total" if self.kind is Kind.COUNTER else name

    def attributes(self, labels: Labels) -> dict[str, str]:
        return dict(zip(self.labels, labels, strict=True))


DECLARED: dict[str, Metric] = {}
"""Every metric, by name. docs/telemetry.md lists them, and a test compares."""


def declared(
    name: str,
    kind: Kind,
    meaning: str,
    labels: Labels = (),
    unit: str = "",
    bounds: tuple[float, ...] = (),
) -> Metric:
    metric = DECLARED[name] = Metric(
        name=name, kind=kind, meaning=meaning, labels=labels, unit=unit, bounds=bounds
    )
    return metric


def counter(name: str, meaning: str, labels: Labels = (), unit: str = "") -> Counter:
    """Counted where it happens."""
    metric = declared(name, Kind.COUNTER, meaning, labels, unit)
    return meter.create_counter(metric.name, metric.unit, metric.meaning)


def histogram(
    name: str, meaning: str, bounds: tuple[float, ...], labels: Labels = (), unit: str = "s"
) -> Histogram:
    """Measured where it happens."""
    metric = declared(name, Kind.HISTOGRAM, meaning, labels, unit, bounds)
    return meter.create_histogram(
        metric.name,
        metric.unit,
        metric.meaning,
        explicit_bucket_boundaries_advisory=metric.bounds,
    )


def observed_counter(name: str, meaning: str, labels: Labels = (), unit: str = "") -> Metric:
    """One whose value is asked for, see `observe`."""
    return declared(name, Kind.COUNTER, meaning, labels, unit)


def gauge(name: str, meaning: str, labels: Labels = (), unit: str = "") -> Metric:
    """Its value is asked for, see `observe`."""
    return declared(name, Kind.GAUGE, meaning, labels, unit)


def observe(metric: Metric, values: Callable[[], Values], on: Meter = meter) -> None:
    """Has the present values asked for whenever somebody collects, in any thread."""

    def observations(_: CallbackOptions) -> Iterator[Observation]:
        for labels, value in values().items():
            yield Observation(value, metric.attributes(labels))

    create = (
        on.create_observable_counter if metric.kind is Kind.COUNTER else on.create_observable_gauge
    )
    create(metric.name, [observations], metric.unit, metric.meaning)
