"""Who makes the parts. Each part may be made by anybody, in any order, twice too: it comes out the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from augment.scale.config import StepConfig
    from augment.scale.making import Made
    from augment.scale.plan import Plan

__all__ = ["Engine", "engine_of"]


class Engine(Protocol):
    """Makes parts; `augment.scale.making.open_maker` does it in one worker."""

    def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
        """Have the parts of these numbers in their places, and tell of each as it is there, in any order.

        Numbers are taken as they are needed: they may be many millions.

        Raises:
            AugmentError: One cannot be made; no more are begun then.
        """


def engine_of(config: StepConfig) -> Engine:
    """Return the engine that a step names.

    Raises:
        ImportError: It needs a package that is not installed; says which.
    """
    match config.engine:
        case "local":
            from augment.scale.local import LocalEngine  # noqa: PLC0415 - each engine needs other packages

            return LocalEngine(config.workers)
        case "server":
            from augment.scale.server import ServerEngine  # noqa: PLC0415

            return ServerEngine(config.workers)
        case "ray":
            from augment.scale.ray.engine import RayEngine  # noqa: PLC0415

            return RayEngine(config.workers, config.address)
        case "spark":
            from augment.scale.spark.engine import SparkEngine  # noqa: PLC0415

            return SparkEngine(config.workers, config.address)
