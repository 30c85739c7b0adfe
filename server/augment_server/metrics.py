"""What a server tells Prometheus: counters, histograms and gauges of its own, apart from another server's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from augment_server.metrics_page import MetricsPage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from augment_server.calls import Call

__all__ = ["Metrics", "MetricsPage"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_ROWS = tuple(4**power for power in range(9))
_CALLS = tuple(2**power for power in range(8))


class Metrics:
    """All of one server. Its methods may be called from any thread.

    Attributes:
        registry: What is exposed.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        method = ("method",)
        self._requests = self._counter(
            "requests", "Calls that ended, by method and status", "method", "status"
        )
        self._failures = self._counter(
            "failures", "Calls that failed, by method and reason", "method", "reason"
        )
        self._rows = self._counter("rows", "Rows received or made", "method", "model")
        self._received = self._counter("request_bytes", "Bytes of requests", *method)
        self._sent = self._counter("response_bytes", "Bytes of responses", *method)
        self._in_flight = self._gauge("calls_in_flight", "Calls that are being answered")
        self._calls = self._histogram("call_seconds", "Seconds of whole calls", _SECONDS, *method)
        self._first = self._histogram(
            "first_batch_seconds", "Seconds to the first answer with rows", _SECONDS, *method
        )
        self._queued = self._histogram("queue_seconds", "Seconds that computations waited", _SECONDS)
        self._computed = self._histogram("compute_seconds", "Seconds that computations took", _SECONDS)
        self._batch = self._histogram(
            "batch_rows", "Rows received or made in a computation of all its calls, where it has any", _ROWS
        )
        self._together = self._histogram("batch_calls", "Calls that were computed together", _CALLS)

    def began(self) -> None:
        """Count a call that begins."""
        self._in_flight.inc()

    def began_rows(self, call: Call) -> None:
        """Count a call whose first answer with rows is there."""
        self._first.labels(call.method).observe(call.milliseconds / 1000)

    def ended(self, call: Call, status: str, reason: str = "") -> None:
        """Count a call that has ended, with its rows.

        Args:
            call: The call.
            status: The name of gRPC's status code.
            reason: Why it was refused; empty: it was not.
        """
        self._in_flight.dec()
        self._requests.labels(call.method, status).inc()
        self._calls.labels(call.method).observe(call.milliseconds / 1000)
        if reason:
            self._failures.labels(call.method, reason).inc()
        if "model" in call.facts:
            self._rows.labels(call.method, call.facts["model"]).inc(int(str(call.facts.get("rows", 0))))

    def received(self, method: str, count: int) -> None:
        """Count the bytes of a request's message."""
        self._received.labels(method).inc(count)

    def sent(self, method: str, count: int) -> None:
        """Count the bytes of a response's message."""
        self._sent.labels(method).inc(count)

    def queued(self, seconds: float) -> None:
        """Count a computation that begins, after so long a wait."""
        self._queued.observe(seconds)

    def computed(self, rows: int, calls: int, seconds: float) -> None:
        """Count a computation that was done, for so many calls; one without rows only describes something."""
        self._computed.observe(seconds)
        self._together.observe(calls)
        if rows:
            self._batch.observe(rows)

    def watch_queue(
        self, depth: Callable[[], int], rows: Callable[[], int], running: Callable[[], int]
    ) -> None:
        """Tell how many computations wait, what they cost, and how many run."""
        self._gauge("queue_depth", "Computations that wait").set_function(depth)
        self._gauge("queue_rows", "What the computations that wait cost, in rows").set_function(rows)
        self._gauge("running", "Computations that run").set_function(running)

    def watch_models(self, states: Callable[[], Mapping[str, int]]) -> None:
        """Tell how many models there are in each state."""
        self.registry.register(_Models(states))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"augment_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Iterable[float], *labels: str) -> Histogram:
        return Histogram(f"augment_{name}", text, labels, buckets=tuple(buckets), registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"augment_{name}", text, registry=self.registry)


class _Models(Collector):
    """Models by state, counted when they are asked for."""

    def __init__(self, states: Callable[[], Mapping[str, int]]) -> None:
        self._states = states

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily("augment_models", "Models, by state", labels=("state",))
        for state, count in sorted(self._states().items()):
            family.add_metric([state], count)
        return [family]
