"""The service: hosts bundles and answers over gRPC. Start it with `serve` or `python -m augment_server`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augment_server.main import serve
    from augment_server.registry import Registry
    from augment_server.server import Server
    from augment_server.settings import Settings

__all__ = ["Registry", "Server", "Settings", "serve"]

_MODULES = {"Registry": "registry", "Server": "server", "Settings": "settings", "serve": "main"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that the health probe loads no runtime."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
