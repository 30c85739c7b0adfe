"""The port that workers share: theirs alone, and theirs also while one of them begins anew."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from augment.errors import RequestError
from augment_server.listening import address_of, taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["HeldPort", "require_free"]

_Address = tuple[socket.AddressFamily, tuple[object, ...]]


class HeldPort:
    """Sockets that are bound and do not listen. Use it with `with`.

    With SO_REUSEPORT the system gives each new connection to one of the sockets that listen, and lets whoever
    sets the option join, of the same user. So it is first tried without: another server on the port is an
    error.

    Args:
        host: The address.
        port: The port; 0 takes a free one.

    Attributes:
        port: The port.

    Raises:
        RequestError: Somebody else has it, or the system cannot share ports.
    """

    def __init__(self, host: str, port: int) -> None:
        if not hasattr(socket, "SO_REUSEPORT"):
            raise RequestError.of("workers", "must be 1 where the system cannot share ports", "more")
        self.port = port
        self._sockets = ExitStack()
        try:
            self._hold(_addresses(host, port))
        except OSError as error:
            self.close()
            raise _refusal(host, port, error) from error

    def close(self) -> None:
        """Let go of it."""
        self._sockets.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hold(self, addresses: Iterable[_Address]) -> None:
        """Bind to each address, at the same port."""
        for family, (host, _, *rest) in addresses:
            with _socket(family) as alone:
                alone.bind((host, self.port, *rest))
            held = self._sockets.enter_context(_socket(family))
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind((host, self.port, *rest))
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # nobody shares without SO_REUSEPORT
            self.port = int(held.getsockname()[1])


def require_free(host: str, port: int) -> None:
    """Refuse an address that somebody else listens on, before models are loaded for it.

    Raises:
        RequestError: Somebody does, or it is none of this machine.
    """
    try:
        for family, address in _addresses(host, port):
            with _socket(family) as alone:
                alone.bind(address)
    except OSError as error:
        raise _refusal(host, port, error) from error


def _refusal(host: str, port: int, error: OSError) -> RequestError:
    """Return the error for an address that the system does not give."""
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return RequestError.of("host", "must be a name or an address of this machine", host)
    if error.errno == errno.EACCES:
        remedy = "Take one above 1023, or let this user listen below"
        return RequestError.of("port", "must be one that this user may listen on", port, remedy)
    return taken(address_of(host, port))


def _addresses(host: str, port: int) -> Sequence[_Address]:
    """Return the addresses of a name, without those of a family that this machine does not have."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    usable = [(family, address) for family, _, _, _, address in found if _is_here(family, address)]
    return usable or [(family, address) for family, _, _, _, address in found]


def _is_here(family: socket.AddressFamily, address: tuple[object, ...]) -> bool:
    host, _, *rest = address
    try:
        with _socket(family) as tried:
            tried.bind((host, 0, *rest))
    except OSError:
        return False
    return True


def _socket(family: socket.AddressFamily) -> socket.socket:
    """Return a socket that may take a port whose last connections are not forgotten yet."""
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made
