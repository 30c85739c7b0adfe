"""What operators changed since the start: a worker that begins anew is told."""

from __future__ import annotations

from augment_proto.v1 import admin_pb2 as pb

__all__ = ["Journal"]

_Versions = set[tuple[str, int]]


class Journal:
    """The versions that were loaded and unloaded by hand. Aliases are in a file, which all workers read.

    Attributes:
        held: Versions that are loaded whatever the policy says.
        withdrawn: Versions that are out.
        changes: How many changes there were, of aliases too.
    """

    def __init__(self) -> None:
        self.held: _Versions = set()
        self.withdrawn: _Versions = set()
        self.changes = 0

    def add(self, method: str, request: bytes, answer: bytes) -> None:
        """Note a call of the AdminService that every worker has answered."""
        self.changes += 1
        if method == "LoadModel":
            version = pb.LoadModelResponse.FromString(answer).version.version
            self._move({(pb.LoadModelRequest.FromString(request).model, version)}, self.withdrawn, self.held)
        elif method == "UnloadModel":
            name = pb.UnloadModelRequest.FromString(request).model
            versions = {(name, number) for number in pb.UnloadModelResponse.FromString(answer).versions}
            self._move(versions, self.held, self.withdrawn)

    @staticmethod
    def _move(versions: _Versions, out_of: _Versions, into: _Versions) -> None:
        out_of -= versions
        into |= versions
