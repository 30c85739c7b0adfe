"""Servers that host the same models: calls go to one of them until it is gone, then to the next."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from augment_client.errors import DeadlineError, InvalidRequestError
from augment_proto.reasons import Reason
from augment_proto.refusal import Refusal
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Line", "Replicas", "targets_of"]

_LISTS_OF_ADDRESSES = ("ipv4:", "ipv6:")
_SCHEMES = (*_LISTS_OF_ADDRESSES, "dns:", "unix:", "unix-abstract:", "vsock:", "xds:", "passthrough:")
_HOST_AND_PORT = re.compile(r"(\[[^\[\]\s]+\]|[^\[\]:/\s]+):([0-9]{1,5})")
_LAST_PORT = 65535
_DEADLINE_EXCEEDED = 4


def targets_of(target: str | Sequence[str]) -> tuple[str, ...]:
    """Return the servers that a target names: one, several in a sequence, or several with commas between.

    Raises:
        InvalidRequestError: It names none.
    """
    if isinstance(target, str):
        names = [target] if target.startswith(_LISTS_OF_ADDRESSES) else target.split(",")
    else:
        names = list(target) if isinstance(target, Iterable) else []
    if not names or not all(isinstance(name, str) and _is_target(name.strip()) for name in names):
        remedy = "For instance: localhost:50051, [::1]:50051, dns:///host:port, unix:///path"
        raise InvalidRequestError.of("target", "must be host:port, or several of them", target, remedy)
    return tuple(name.strip() for name in names)


def _is_target(name: str) -> bool:
    """Whether gRPC reads a name as meant: it takes port 443 where there is none, and 34463 for 99999."""
    if name.startswith(_SCHEMES):
        return True
    found = _HOST_AND_PORT.fullmatch(name)
    return found is not None and 0 < int(found[2]) <= _LAST_PORT


def _everywhere() -> object:
    return _everywhere


@dataclass
class _Connections:
    """Channels to all servers, their stubs, and which of these calls go to."""

    channels: list[Any]
    stubs: list[Any]
    current: int = 0


class Replicas:
    """Connections to all servers.

    Args:
        targets: Their addresses.
        connect: Makes a channel, sync or async, to one of them.
        token: Sent with each call; empty: none.
        place: Tells where calls are made: each place has channels of its own, made with its first call. Those
            of `grpc.aio` belong to an event loop, and a client may outlive one or be made before any runs.

    Attributes:
        metadata: What goes with each call.
    """

    def __init__(
        self,
        targets: Sequence[str],
        connect: Callable[[str], Any],
        token: str = "",
        place: Callable[[], object] = _everywhere,
    ) -> None:
        self.metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._targets = targets
        self._connect = connect
        self._place = place
        self._connected: WeakKeyDictionary[object, _Connections] = WeakKeyDictionary()
        self._connecting = threading.Lock()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._targets)

    @property
    def stub(self) -> Any:
        """The server that calls go to.

        Raises:
            InvalidRequestError: The client is closed.
        """
        here = self._here()
        return here.stubs[here.current]

    def close(self) -> list[Any]:
        """Let no more calls begin; return this place's channels, to be closed; others end with theirs."""
        with self._connecting:
            self._is_closed = True
            here = self._connected.pop(self._place(), None)
        return [] if here is None else here.channels

    def leave(self, stub: Any) -> None:
        """Let calls go to the server after `stub`, if they still go to this one."""
        here = self._connected.get(self._place())
        if here is not None and here.stubs[here.current] is stub:
            here.current = (here.current + 1) % len(here.stubs)

    def _here(self) -> _Connections:
        return self._connected.get(self._place()) or self._connect_from(self._place())

    def _connect_from(self, place: object) -> _Connections:
        with self._connecting:
            if self._is_closed:
                raise InvalidRequestError.of("client", "must be open to be called", "closed")
            if place not in self._connected:
                channels = [self._connect(target) for target in self._targets]
                self._connected[place] = _Connections(channels, [AugmentServiceStub(one) for one in channels])
            return self._connected[place]


@dataclass
class Line:
    """How one stream is opened, again and again if need be.

    Attributes:
        replicas: Where.
        method: The RPC's name.
        deadline_s: When it must have ended, by the monotonic clock; None: never.
    """

    replicas: Replicas
    method: str
    deadline_s: float | None = None
    _stub: Any = None

    @classmethod
    def of(cls, replicas: Replicas, method: str, timeout_s: float | None) -> Line:
        """Return the line for a stream that may take so long in all."""
        return cls(replicas, method, None if timeout_s is None else time.monotonic() + timeout_s)

    def open(self, request: Any) -> Any:
        """Return a running call.

        Raises:
            DeadlineError: There is no time left.
        """
        left = None if self.deadline_s is None else self.deadline_s - time.monotonic()
        if left is not None and left <= 0:
            message = "DEADLINE_EXCEEDED: no time is left to go on with the stream"
            raise DeadlineError(Refusal(_DEADLINE_EXCEEDED, Reason.UNSPECIFIED, message))
        self._stub = self.replicas.stub
        return getattr(self._stub, self.method)(request, timeout=left, metadata=self.replicas.metadata)

    def leave(self) -> None:
        """Open at another server the next time."""
        self.replicas.leave(self._stub)
