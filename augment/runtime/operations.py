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
}


def operations_of(samplers: Collection[str], roles: Collection[str]) -> tuple[str, ...]:
    """Return the operations of a model with these samplers and graphs.

    >>> operations_of(["vae"], ["vae_sample", "encode"])
    ('generate', 'encode')
    """
    generate = ("generate",) if samplers else ()
    return (*generate, *(operation for operation, needed in _NEEDS.items() if needed <= set(roles)))
