"""What can be asked of a model, by the graphs that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["operations_of"]

_NEEDS = {
    "interpolate": {"encode", "decode"},
    "denoise": {"denoise"},
    "encode": {"encode"},
    "decode": {"decode"},
    "reconstruct": {"encode", "decode"},
    "score": {"score"},
    "predict": {"predict"},
}


def operations_of(
    samplers: Collection[str], roles: Collection[str], *, stepwise: bool = False
) -> tuple[str, ...]:
    """Return the operations of a model with these samplers and graphs.

    Args:
        samplers: Ways to generate.
        roles: Its graphs.
        stepwise: Whether one of the samplers makes records column by column.

    >>> operations_of(["vae"], ["vae_sample", "encode"])
    ('generate', 'encode')
    """
    there = {operation for operation, needed in _NEEDS.items() if needed <= set(roles)}
    there |= {"generate"} if samplers else set()
    there |= {"interpolate"} if stepwise else set()
    return tuple(operation for operation in ("generate", *_NEEDS) if operation in there)
