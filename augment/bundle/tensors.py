"""Compares arrays with what a manifest says about a graph's inputs and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from augment.bundle.golden import GoldenCase
    from augment.bundle.manifest import GraphInfo, TensorInfo

__all__ = ["case_mismatch", "tensors_mismatch"]


def case_mismatch(case: GoldenCase, info: GraphInfo) -> str:
    """Say how a recorded case does not fit its graph; empty text where it fits."""
    sides: dict[str, int] = {}
    return tensors_mismatch(case.inputs, info.inputs, sides) or tensors_mismatch(
        case.outputs, info.outputs, sides
    )


def tensors_mismatch(
    tensors: Mapping[str, NDArray[Any]], infos: Collection[TensorInfo], sides: dict[str, int]
) -> str:
    """Say how `tensors` do not fit `infos`; empty text where they fit.

    `sides` holds the lengths of free sides met so far and takes in new ones, so that one name means
    one length over all tensors, e.g. `rows`.
    """
    if len(tensors) != len(infos) or any(info.name not in tensors for info in infos):
        return f"must have the tensors {sorted(info.name for info in infos)}, got {sorted(tensors)}"
    for info in infos:
        found = tensors[info.name]
        if found.dtype != info.dtype or found.ndim != len(info.shape):
            rule = f"{info.name} must be {info.dtype} of shape {list(info.shape)}"
            return f"{rule}, got {found.dtype} of shape {list(found.shape)}"
        for side, length in zip(info.shape, found.shape, strict=True):
            expected = side if isinstance(side, int) else sides.setdefault(side, length)
            if length != expected or length == 0:
                return f"{info.name} must have the shape {list(info.shape)}, got {list(found.shape)}"
    return ""
