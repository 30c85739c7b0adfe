"""What is known of the call being answered; work in other threads adds to it by `note`."""

from __future__ import annotations

import re
import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from augment_server.principals import ANYONE, Principal

if TYPE_CHECKING:
    from contextvars import Context

__all__ = ["Call", "address_of", "begin_call", "caller", "current_call", "note", "note_rows", "rows_of"]

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        method: Its name, e.g. `Denoise`.
        request_id: The caller's `x-request-id`, or one made here.
        principal: Who calls.
        peer: From which address.
        started_s: When it came, by the monotonic clock.
        facts: What its log line tells besides, e.g. `model`, `rows`.
    """

    method: str
    request_id: str
    principal: Principal = ANYONE
    peer: str = ""
    started_s: float = field(default_factory=time.monotonic)
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def client(self) -> str:
        """Between whom the server is fair: the principal, or else the address."""
        return self.principal.name or self.peer

    @property
    def milliseconds(self) -> float:
        """How long it has taken so far."""
        return round((time.monotonic() - self.started_s) * 1000, 3)


_CURRENT: ContextVar[Call | None] = ContextVar("augment_server_call", default=None)


def begin_call(method: str, given_id: str = "", principal: Principal = ANYONE, peer: str = "") -> Call:
    """Return a new call and make it the current one of this task and of work that copies its context.

    Args:
        method: The method's name.
        given_id: The caller's id; any but 8 to 64 plain characters is replaced, so that nobody writes
            into the log what they like.
        principal: Who calls.
        peer: From which address.
    """
    request_id = given_id if _REQUEST_ID.fullmatch(given_id) else uuid.uuid4().hex
    call = Call(method, request_id, principal, peer)
    _CURRENT.set(call)
    return call


def address_of(peer: str) -> str:
    """Return a peer without its port: `ipv4:10.0.0.1:55555` is `ipv4:10.0.0.1`."""
    return peer.rpartition(":")[0] if peer.startswith(("ipv4:", "ipv6:")) else peer


def current_call() -> Call:
    """Return the current call; an empty one where there is none."""
    return _CURRENT.get() or Call("", "")


def caller() -> Principal:
    """Return who made the current call; anyone where there is none."""
    call = _CURRENT.get()
    return ANYONE if call is None else call.principal


def note(**facts: object) -> None:
    """Add facts to the current call's log line; nothing where there is no call."""
    call = _CURRENT.get()
    if call is not None:
        call.facts.update(facts)


def rows_of(context: Context) -> int:
    """Return the rows received or made so far by the call that a context is of."""
    call = context.get(_CURRENT)
    return int(str(call.facts.get("rows", 0))) if call is not None else 0


def note_rows(count: int) -> None:
    """Add rows to those of the current call: a stream has them in many messages."""
    call = _CURRENT.get()
    if call is not None:
        note(rows=int(str(call.facts.get("rows", 0))) + count)
