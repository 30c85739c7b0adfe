"""Traces of calls, for an OpenTelemetry collector; none unless one is named."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from augment.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from augment_server.calls import Call

__all__ = ["Tracer"]

_FACTS = ("model", "version", "rows")


class Tracer:
    """Makes a span of each call, as a child of the caller's (W3C `traceparent` in the metadata).

    Args:
        endpoint: Where spans go, by OTLP over gRPC; empty: nowhere, and no package is needed for that.

    Raises:
        RequestError: The extra `tracing` is not installed.
    """

    def __init__(self, endpoint: str) -> None:
        self._provider: Any = _provider(endpoint) if endpoint else None

    @contextmanager
    def span(self, method: str, metadata: Mapping[str, Any]) -> Iterator[Any]:
        """Open a span around a call; what it is given back goes to `end`."""
        if self._provider is None:
            yield None
            return
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - likewise
            TraceContextTextMapPropagator,
        )

        parent = TraceContextTextMapPropagator().extract(metadata)
        tracer = self._provider.get_tracer("augment_server")
        with tracer.start_as_current_span(method, context=parent, kind=trace.SpanKind.SERVER) as span:
            yield span

    def end(self, span: Any, call: Call, status: str, reason: str) -> None:
        """Tell how the call ended."""
        if span is None:
            return
        facts = {name: call.facts[name] for name in _FACTS if name in call.facts}
        told = {"request_id": call.request_id, "rpc.grpc.status": status, "reason": reason} | facts
        span.set_attributes({f"augment.{name}": value for name, value in told.items() if value != ""})

    def stop(self) -> None:
        """Send what is left."""
        if self._provider is not None:
            self._provider.shutdown()


def _provider(endpoint: str) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415 - an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - likewise
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - likewise
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - likewise
    except ImportError as error:
        remedy = "pip install 'augment-service[tracing]'"
        raise RequestError.of("otlp-endpoint", "needs OpenTelemetry", "no such package", remedy) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "augment-server"}))
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
