"""Mutated Arrow streams: read as the server reads them, and, where they are taken, through its operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment_proto.arrow import from_ipc
from augment_proto.errors import ArrowFormatError
from augment_proto.v1 import augment_pb2 as pb
from augment_server import Registry, Settings
from augment_server.operations import Operations
from augment_server.status import is_fault, refusal_of
from fuzzing.bundles import NAME
from fuzzing.mutation import mutated
from fuzzing.streams import seed_streams
from fuzzing.verdicts import MAX_SECONDS, MESSAGE_MIB, Case

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["ArrowTarget"]


class ArrowTarget:
    """What reads Arrow streams, and the operations behind it.

    Args:
        models: The directory of the bundle.
    """

    most_growth_mib: float | None = 2.0 * MESSAGE_MIB
    most_seconds = MAX_SECONDS

    def __init__(self, models: Path) -> None:
        settings = Settings(models=models, threads=1, watch_s=0)
        self._operations = _all(Operations(Registry.open(settings), settings))
        self._seeds = seed_streams()

    def case(self, chance: random.Random, number: int) -> Case:
        """Return a mutated stream; its name is the operation that is asked for."""
        data = mutated(self._seeds[number % len(self._seeds)], chance, self._seeds)
        return Case(chance.choice(sorted(self._operations)), {"stream": data})

    def attempt(self, case: Case) -> str:
        """Return whether it was refused, taken, or refused later."""
        data = case.files["stream"]
        try:
            from_ipc(data).validate(full=True)
        except ArrowFormatError as error:
            return f"refused as {type(error).__name__}"
        try:
            self._operations[case.name](data)
        except Exception as error:
            if is_fault(error):
                raise
            return f"read, then refused as {refusal_of(error, '').reason}"
        return "answered"


def _all(operations: Operations) -> dict[str, Callable[[bytes], object]]:
    """Return what takes records, by name."""
    return {
        "denoise": lambda data: operations.denoise(pb.DenoiseRequest(model=NAME, records=data)),
        "repair": lambda data: operations.denoise(pb.DenoiseRequest(model=NAME, records=data, threshold=0.9)),
        "draws": lambda data: operations.denoise(
            pb.DenoiseRequest(model=NAME, records=data, draws=2, seed=1)
        ),
        "encode": lambda data: operations.encode(pb.EncodeRequest(model=NAME, records=data)),
        "decode": lambda data: operations.decode(pb.DecodeRequest(model=NAME, latent=data)),
        "reconstruct": lambda data: operations.reconstruct(pb.ReconstructRequest(model=NAME, records=data)),
        "score": lambda data: operations.score(pb.ScoreRequest(model=NAME, records=data)),
        "interpolate": lambda data: operations.interpolate(
            pb.InterpolateRequest(model=NAME, start=data, end=data, steps=3)
        ),
    }
