"""Which extra of the distribution brings a package that is not installed."""

from __future__ import annotations

__all__ = ["extra_of", "missing_extra"]

_EXTRAS = {
    "torch": "train",
    "onnx": "train",
    "onnxscript": "train",
    "matplotlib": "train",
    "safetensors": "train",
    "tensorboard": "tensorboard",
    "mlflow": "mlflow",
    "opacus": "private",
    "onnxruntime": "server",
    "pydantic": "server",
    "pydantic_settings": "server",
    "yaml": "server",
    "numpy": "server",
    "structlog": "server",
    "grpc_health": "server",
    "grpc_reflection": "server",
    "grpc": "client",
    "grpc_status": "client",
    "google": "client",
    "pyspark": "spark",
    "ray": "ray",
    "sklearn": "evaluate",
    "plotly": "evaluate",
    "pandas": "evaluate",
    "imblearn": "estimators",
    "threadpoolctl": "evaluate",
    "fsspec": "remote",
}


def extra_of(exc: ModuleNotFoundError) -> str | None:
    """Return the extra that brings the missing package; None if no extra does."""
    package = (exc.name or "").partition(".")[0]
    return _EXTRAS.get(package)


def missing_extra(exc: ModuleNotFoundError, extra: str) -> str:
    """Return the message for a package that an extra would bring."""
    return (
        f"this command needs the package {exc.name!r}, which is not installed\n"
        f"  remedy  pip install 'augment-service[{extra}]'"
    )
