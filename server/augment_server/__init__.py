"""The service: hosts bundles and answers over gRPC. Start it with `serve` or `python -m augment_server`."""

from __future__ import annotations

from augment_server.main import main, serve
from augment_server.registry import Registry
from augment_server.server import Server
from augment_server.settings import Settings

__all__ = ["Registry", "Server", "Settings", "main", "serve"]
