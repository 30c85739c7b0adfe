from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from structlog.testing import capture_logs

from augment_client import Client, ModelNotFoundError
from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
from augment_server.library_lines import LibraryLines
from augment_server.metrics import Metrics
from tests.server.running import environment, threaded_server

DASHBOARD = Path(__file__).parents[2] / "server" / "deploy" / "dashboard.json"
AUTOSCALER = DASHBOARD.parent / "base" / "autoscaler.yaml"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def exposed() -> set[str]:
    """Return the names of all that a server exposes."""
    metrics = Metrics()
    metrics.watch_queue(lambda: 0, lambda: 0, lambda: 0)
    metrics.watch_models(lambda: {"serving": 1})
    names = set()
    for family in metrics.registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        names |= {family.name + suffix for suffix in suffixes}
    return names


def test_the_dashboard_asks_for_what_there_is() -> None:
    """Each metric that a panel asks for exists, and each of the server's own has a panel."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = set(re.findall(r"(?:augment|process)_[a-z_]+", " ".join(p["targets"][0]["expr"] for p in panels)))
    assert asked <= exposed()
    own = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed() if name.startswith("augment_")}
    assert own == {re.sub(r"_bucket$", "", name) for name in asked if name.startswith("augment_")}
    assert len({p["id"] for p in panels}) == len(panels)


def test_the_autoscaler_asks_for_what_there_is() -> None:
    """The figure that pods are scaled by is one that a server exposes."""
    assert set(re.findall(r"augment_[a-z_]+", AUTOSCALER.read_text())) <= exposed()


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """A collector of traces."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.came = threading.Event()

    def Export(self, request: Any, context: object) -> Any:  # noqa: ARG002, N802
        """Keep the spans."""
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        self.came.set()
        return trace_service_pb2.ExportTraceServiceResponse()


def test_calls_are_spans_of_their_callers_traces(flat_dir: Path) -> None:
    """A collector gets a span a call, under the caller's traceparent, with model, version, rows, reason."""
    collector = Collector()
    receiver = grpc.server(ThreadPoolExecutor(2))
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server  # has no types
    add(collector, receiver)
    port = receiver.add_insecure_port("127.0.0.1:0")
    receiver.start()
    try:
        with threaded_server(flat_dir, otlp_endpoint=f"http://127.0.0.1:{port}") as server:
            with grpc.insecure_channel(server.target) as channel:
                request = pb.GenerateRequest(model="flat", rows=7, seed=1)
                metadata = (("traceparent", f"00-{TRACE}-{PARENT}-01"),)
                list(AugmentServiceStub(channel).Generate(request, metadata=metadata))
            with Client(server.target) as client, pytest.raises(ModelNotFoundError):
                client.model("nothing")
        assert collector.came.wait(60)
    finally:
        receiver.stop(None)
    spans = {span.name: span for span in collector.spans}
    generate = spans["Generate"]
    assert (generate.trace_id.hex(), generate.parent_span_id.hex()) == (TRACE, PARENT)
    facts = {pair.key: pair.value for pair in generate.attributes}
    assert facts["augment.model"].string_value == "flat"
    assert (facts["augment.version"].int_value, facts["augment.rows"].int_value) == (1, 7)
    facts = {pair.key: pair.value for pair in spans["GetModel"].attributes}
    assert facts["augment.reason"].string_value == "MODEL_NOT_FOUND"


def test_a_collector_that_is_away_is_told_as_lines_of_the_log(flat_dir: Path) -> None:
    """Whatever OpenTelemetry tells is JSON, on a line of its own, and told once of each kind."""
    command = [sys.executable, "-m", "augment_server", "--models", str(flat_dir), "--port", "0"]
    command += ["--otlp-endpoint", "http://127.0.0.1:1"]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as server:  # noqa: S603
        lines = iter(server.stderr or ())
        ready = next(line for line in map(json.loads, lines) if line["event"] == "ready")
        with Client(f"127.0.0.1:{ready['port']}") as client:
            client.models()
        told = []
        for line in map(json.loads, lines):
            told.append(line)
            if "logger" in line and server.poll() is None:
                server.terminate()
    of_libraries = [line for line in told if "logger" in line]
    assert of_libraries
    assert {line["level"] for line in of_libraries} <= {"warning", "error"}
    assert all(line["logger"].startswith("opentelemetry.") for line in of_libraries)
    assert len({line["event"] for line in of_libraries}) == len(of_libraries)


def test_libraries_are_not_heard_again_and_again() -> None:
    """What differs in its values alone is told once; what is less than a warning, never."""
    LibraryLines.take("opentelemetry")
    try:
        with capture_logs() as told:
            for seconds in range(3):
                logging.getLogger("opentelemetry.exporter").warning("retrying in %d s", seconds)
                logging.getLogger("opentelemetry.exporter").info("connecting")
            logging.getLogger("opentelemetry.sdk").error("lost")
        assert [line["event"] for line in told] == ["retrying in 0 s", "lost"]
    finally:
        logging.getLogger("opentelemetry").handlers = []
        logging.getLogger("opentelemetry").propagate = True
