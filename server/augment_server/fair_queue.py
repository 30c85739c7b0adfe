"""A queue that is fair between clients: deficit round robin (Shreedhar and Varghese 1996), in rows."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Hashable

__all__ = ["FairQueue", "Ticket"]

_QUANTUM_ROWS = 4096
"""What each client may have in its turn: about a message of a stream."""


@dataclass(eq=False)
class Ticket:
    """Work that waits.

    Attributes:
        client: Whose it is.
        rows: What it costs; at least 1.
        kind: Work of one kind may be done together; None: only by itself.
        size: How much of what is done together it takes up.
        job: Whatever the queue's owner knows of it.
    """

    client: str
    rows: int
    kind: Hashable = None
    size: int = 0
    job: Any = None


@dataclass
class _Kind:
    tickets: OrderedDict[Ticket, None] = field(default_factory=OrderedDict)
    size: int = 0


@dataclass
class _Line:
    tickets: OrderedDict[Ticket, None] = field(default_factory=OrderedDict)
    rows: int = 0
    deficit: int = 0


class FairQueue:
    """Tickets in the order in which their turns come. Not for several threads.

    Clients take turns; in its turn a client gets `_QUANTUM_ROWS` and what it saved, so that over time each
    gets as many rows as any other that waits, whether it asks in a few large pieces or in many small ones.

    Attributes:
        rows: What all that waits costs.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self._kinds: dict[Hashable, _Kind] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def clients(self) -> int:
        """How many clients wait."""
        return len(self._lines)

    def rows_of(self, client: str) -> int:
        """Return what one client's waiting work costs."""
        line = self._lines.get(client)
        return line.rows if line else 0

    def put(self, ticket: Ticket) -> None:
        """Let a ticket wait behind its client's others."""
        line = self._lines.setdefault(ticket.client, _Line())
        line.tickets[ticket] = None
        if ticket.kind is not None:
            kind = self._kinds.setdefault(ticket.kind, _Kind())
            kind.tickets[ticket] = None
            kind.size += ticket.size
        self._count(line, ticket, 1)

    def discard(self, ticket: Ticket) -> None:
        """Take a ticket out, if it is in."""
        line = self._lines.get(ticket.client)
        if line is not None and ticket in line.tickets:
            self._take(line, ticket)

    def pop(self, gathering: Container[Hashable] = (), most: int = 0) -> Ticket | None:
        """Return the next one; None: nothing waits whose turn it could be.

        Args:
            gathering: Kinds whose turn comes only when as much of them waits as is done together.
            most: How much that is.
        """
        passed = 0
        while passed < len(self._lines):
            client, line = next(iter(self._lines.items()))
            ticket = next((one for one in line.tickets if self._is_ready(one, gathering, most)), None)
            if ticket is not None and line.deficit >= ticket.rows:
                line.deficit -= ticket.rows
                self._take(line, ticket)
                return ticket
            if ticket is not None:
                line.deficit += _QUANTUM_ROWS
            passed = 0 if ticket is not None else passed + 1
            self._lines.move_to_end(client)
        return None

    def _is_ready(self, ticket: Ticket, gathering: Container[Hashable], most: int) -> bool:
        alone = ticket.kind is None or ticket.kind not in gathering
        return alone or self._kinds[ticket.kind].size >= most

    def pop_alike(self, ticket: Ticket, most: int) -> list[Ticket]:
        """Return others of a ticket's kind, the longest waiting first, that are done together with it.

        They are charged like those whose turn it is: who is served before their turn waits longer for the
        next one.

        Args:
            ticket: One that was popped.
            most: The sum of the sizes, with its own.
        """
        found: list[Ticket] = []
        left = most - ticket.size
        alike = self._kinds.get(ticket.kind)
        for other in list(alike.tickets) if alike and left > 0 else ():
            if other.size > left:
                break
            left -= other.size
            line = self._lines[other.client]
            line.deficit -= other.rows
            self._take(line, other)
            found.append(other)
        return found

    def _take(self, line: _Line, ticket: Ticket) -> None:
        del line.tickets[ticket]
        if (alike := self._kinds.get(ticket.kind)) is not None:
            del alike.tickets[ticket]
            alike.size -= ticket.size
            if not alike.tickets:
                del self._kinds[ticket.kind]
        self._count(line, ticket, -1)
        if not line.tickets:
            del self._lines[ticket.client]

    def _count(self, line: _Line, ticket: Ticket, sign: int) -> None:
        self._length += sign
        self.rows += sign * ticket.rows
        line.rows += sign * ticket.rows
