"""The page for Prometheus, and who comes to it without asking for anything."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

from augment.errors import RequestError
from augment_server import metrics_page
from augment_server.metrics_page import MetricsPage
from tests.server.running import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 60
HALF = b"GET /metrics HTTP/1.1\r\nX: "


@contextmanager
def half_sent(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Hold connections that have sent half of a request each."""
    with ExitStack() as held:
        sockets = []
        for _ in range(count):
            sockets.append(held.enter_context(socket.create_connection(("127.0.0.1", port), SECONDS)))
            with suppress(ConnectionError):  # it was closed already
                sockets[-1].send(HALF)
        yield sockets


def page_of(port: int) -> str:
    """Return the page; an OSError where there is no place."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS) as found:
        text: str = found.read().decode()
        return text


def page_at_last(port: int) -> str:
    """Return the page once there is a place."""
    ends_s = time.monotonic() + SECONDS
    while True:
        try:
            return page_of(port)
        except (URLError, OSError):
            assert time.monotonic() < ends_s
            time.sleep(0.1)


@pytest.fixture
def page() -> Iterator[MetricsPage]:
    """A page with one counter."""
    registry = CollectorRegistry()
    Counter("told", "A counter", registry=registry).inc(7)
    made = MetricsPage(registry, "127.0.0.1", 0)
    yield made
    made.stop()


def test_who_asks_for_nothing_holds_little_and_not_for_ever(page: MetricsPage) -> None:
    """Of 300 half requests 16 have a thread each, for some seconds; then the page is there again."""
    before = threading.active_count()
    assert "told_total 7.0" in page_of(page.port)
    with half_sent(page.port, 300):
        time.sleep(0.5)
        assert threading.active_count() <= before + 16
        assert "told_total 7.0" in page_at_last(page.port)


def test_who_sends_a_byte_now_and_then_is_cut_off_too(
    page: MetricsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection has an end in all, however busy it is."""
    monkeypatch.setattr(metrics_page, "_WHOLE_S", 1.0)
    began_s = time.monotonic()
    with half_sent(page.port, 1) as (one,), suppress(ConnectionError):
        while time.monotonic() < began_s + SECONDS:
            one.send(b"x")
            time.sleep(0.05)
    assert time.monotonic() - began_s < SECONDS / 2


def test_a_page_stops_at_once_whoever_is_connected(page: MetricsPage) -> None:
    """Nobody's silence holds it up, and the port is free."""
    with half_sent(page.port, 20):
        began_s = time.monotonic()
        page.stop()
        assert time.monotonic() - began_s < 4
        again = MetricsPage(CollectorRegistry(), "127.0.0.1", page.port)
    with pytest.raises(RequestError, match="metrics-port"):
        MetricsPage(CollectorRegistry(), "127.0.0.1", again.port)
    again.stop()


def test_a_fault_of_the_page_is_a_line_of_the_log() -> None:
    """It is not printed beside the log, and the next answer comes all the same."""

    class Broken(CollectorRegistry):
        def collect(self) -> Iterator[object]:  # type: ignore[override]
            raise ValueError("broken")

    page = MetricsPage(Broken(), "127.0.0.1", 0)
    with capture_logs() as told:
        for _ in range(2):
            with pytest.raises((URLError, OSError)):
                page_of(page.port)
    page.stop()
    assert [line["event"] for line in told] == ["fault"] * 2


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_a_server_has_the_same_bounds_and_stops_in_time(flat_dir: Path, flags: tuple[str, ...]) -> None:
    """Of one worker and of several: 300 connections cost few threads, and SIGTERM ends all soon."""
    server = ServerProcess(flat_dir, "--metrics-port", "0", "--grace-s", "5", *flags)
    try:
        port = server.ready["metrics_port"]
        page_at_last(port)
        before = threads_of(server.pid)
        with half_sent(port, 300):
            time.sleep(0.5)
            assert threads_of(server.pid) <= before + 16 + 8
            server.terminate()
            assert server.finish() == 0
    finally:
        server.kill()


def threads_of(pid: int) -> int:
    """Return how many threads a process has."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:  # noqa: PTH123 - no path wanted
        return next(int(line.split()[1]) for line in file if line.startswith("Threads:"))
