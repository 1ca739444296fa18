"""Shows the metrics of this process: to Prometheus when that asks, and to a collector by OTLP.

All are the SDK's, but for those that are aggregated before (`aggregate.py`), which the readers add.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    MeterProvider,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics.export import (
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest

from tasks.telemetry.metric import SCOPE
from tasks.telemetry.metrics import STEP_DURATION

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

FLUSH_SECONDS = 2.0
"""How long the end of a process may wait for a collector that does not answer."""


class Exposition:
    """The metrics of this process."""

    def __init__(self, service: str, environ: Mapping[str, str]) -> None:
        self._registry = CollectorRegistry()
        self._collecting = threading.Lock()
        readers: list[MetricReader] = [
            _PrometheusReader(scope_info_enabled=False, registry=self._registry)
        ]
        self.pushes = pushes_metrics(environ)
        """Whether a collector gets the metrics."""
        if self.pushes:
            readers.append(_pushing_reader())
        self.provider = MeterProvider(
            metric_readers=readers,
            resource=_resource(service),
            shutdown_on_exit=False,
            # Prometheus's text format does not show them, and they cost 2 us of 18 for each value.
            exemplar_filter=TraceBasedExemplarFilter()
            if self.pushes
            else AlwaysOffExemplarFilter(),
        )

    @property
    def meter(self) -> Meter:
        return self.provider.get_meter(SCOPE)

    def text(self) -> bytes:
        """All values, in Prometheus's text format. Takes some milliseconds, also in a thread."""
        with self._collecting:
            return generate_latest(self._registry)

    def shutdown(self) -> None:
        """Pushes a last time, and waits no longer than FLUSH_SECONDS for that."""
        ending = threading.Thread(target=self.provider.shutdown, daemon=True)
        ending.start()
        ending.join(FLUSH_SECONDS)


def configure_metrics(service: str, environ: Mapping[str, str]) -> Exposition:
    """Has all metrics of this process counted from now on. To be called once."""
    exposition = Exposition(service, environ)
    STEP_DURATION.keeps_exemplars = exposition.pushes
    metrics.set_meter_provider(exposition.provider)
    return exposition


def pushes_metrics(environ: Mapping[str, str]) -> bool:
    """Whether the environment names a collector, and does not except metrics, as OpenTelemetry has
    it."""
    named = environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") or environ.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    return bool(named) and environ.get("OTEL_METRICS_EXPORTER", "otlp") == "otlp"


def _resource(service: str) -> Resource:
    """The instance tells processes apart whose metrics one collector gets."""
    instance = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    return Resource.create(
        {
            "service.name": service,
            "service.version": version("content-curator"),
            "service.instance.id": instance,
        }
    )


class _PrometheusReader(PrometheusMetricReader):
    def _receive_metrics(self, metrics_data: MetricsData, *args: Any, **kwargs: Any) -> None:
        super()._receive_metrics(_with_aggregates(metrics_data), *args, **kwargs)


class _PushingReader(PeriodicExportingMetricReader):
    def _receive_metrics(self, metrics_data: MetricsData, *args: Any, **kwargs: Any) -> None:
        super()._receive_metrics(_with_aggregates(metrics_data), *args, **kwargs)


def _pushing_reader() -> MetricReader:
    # Imported here: it costs 40 ms and 2 MB, and most installations have no collector.
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return _PushingReader(OTLPMetricExporter())


def _with_aggregates(data: MetricsData) -> MetricsData:
    collected = STEP_DURATION.collected()
    if collected is None:
        return data
    [others] = data.resource_metrics
    scope = ScopeMetrics(InstrumentationScope(SCOPE), [collected], schema_url="")
    return MetricsData(
        [ResourceMetrics(others.resource, [*others.scope_metrics, scope], others.schema_url)]
    )
