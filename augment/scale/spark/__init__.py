"""The library's operations on Spark: `pip install 'augment-service[spark]'`. See docs/scale.md."""

from __future__ import annotations

try:
    import pyspark as _  # noqa: F401 - so that who lacks it is told what to install
except ImportError as exc:
    raise ImportError(
        "augment.scale.spark needs Spark: pip install 'augment-service[spark]', here and on every worker"
    ) from exc

from augment.scale.spark.frames import denoise, encode, generate, score
from augment.scale.spark.numbering import numbered

__all__ = ["denoise", "encode", "generate", "numbered", "score"]
