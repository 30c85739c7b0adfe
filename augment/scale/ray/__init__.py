"""The library's operations on Ray Data: `pip install 'augment-service[ray]'`. See docs/scale.md."""

from __future__ import annotations

try:
    import ray.data as _  # noqa: F401 - so that who lacks it is told what to install
except ImportError as exc:
    raise ImportError(
        "augment.scale.ray needs Ray: pip install 'augment-service[ray]', here and on every worker"
    ) from exc

from augment.scale.ray.cluster import connect
from augment.scale.ray.datasets import denoise, encode, generate, score
from augment.scale.ray.numbering import numbered

__all__ = ["connect", "denoise", "encode", "generate", "numbered", "score"]
