"""The page that Prometheus reads, which nobody can make hold more than a few threads and file handles."""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from prometheus_client.exposition import MetricsHandler

from augment.errors import RequestError
from augment_server.logs import get_logger

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["MetricsPage"]

_CONNECTIONS = 16
"""At a time; further ones are closed at once."""
_SILENT_S, _WHOLE_S = 5.0, 15.0
"""How long a connection may neither send nor read, and how long it may take in all."""
_BREATH_S = 0.1


class MetricsPage:
    """The page, at a port of its own, in threads of its own.

    Args:
        registry: What is on it.
        host: The address.
        port: The port; 0 takes a free one.

    Attributes:
        port: The port it listens on.

    Raises:
        RequestError: The address is taken, or not this machine's.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        try:
            self._server = _Server(registry, host, port)
        except OSError as error:
            raise RequestError.of("metrics-port", "must be free to listen on", f"{host}:{port}") from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=partial(self._server.serve_forever, 0.1), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._server.cut(older_than_s=0)
        self._thread.join()


class _Handler(MetricsHandler):
    timeout = _SILENT_S


class _Server(ThreadingTCPServer):
    """Without the look at DNS that `http.server` begins with."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._lock = threading.Lock()
        self._began_s: dict[socket.socket, float] = {}
        self.address_family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        super().__init__((str(address[0]), port), _Handler.factory(registry))

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection; where there are no handles for it, let some time pass until the next."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_BREATH_S)
            raise

    def verify_request(self, request: Any, _client_address: Any) -> bool:
        """Return whether there is place for one more."""
        with self._lock:
            if len(self._began_s) >= _CONNECTIONS:
                return False
            self._began_s[request] = time.monotonic()
            return True

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._began_s.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cut off those that take too long, however busy they are; called again and again."""
        self.cut(older_than_s=_WHOLE_S)

    def cut(self, older_than_s: float) -> None:
        """End what connections wait for, so that their threads close them."""
        with self._lock:
            now_s = time.monotonic()
            for connection, began_s in self._began_s.items():
                if now_s - began_s >= older_than_s:
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """Tell of a fault; not of a peer that went away."""
        if not isinstance(sys.exception(), OSError):
            get_logger().error("fault", exc_info=True)
