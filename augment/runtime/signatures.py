"""Which tensors each graph must take and give, for records of a given layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.runtime.noise import NORMAL_SUFFIX, UNIFORM_SUFFIX

if TYPE_CHECKING:
    from augment.bundle import GraphInfo, Manifest, TensorInfo
    from augment.data import Layout

__all__ = ["signature_fault"]

_Tensors = dict[str, tuple[str, tuple[int, ...]]]
"""By name: the dtype, and the shape without the rows."""


def signature_fault(manifest: Manifest, layout: Layout) -> str:
    """Say which graph does not fit records of this layout; empty text where all do."""
    for role, info in manifest.graphs.items():
        if role.endswith("_sample") and role.removesuffix("_sample") in manifest.samplers:
            fault = _noise_fault(info) or _fault("outputs", info.outputs, _records(layout))
        else:
            fault = _role_fault(role, info, layout, manifest.latent_dim)
        if fault:
            return f"graphs.{role}: {fault}"
    return ""


def _role_fault(role: str, info: GraphInfo, layout: Layout, width: int) -> str:
    """Say how a graph does not fit its role."""
    records = _records(layout)
    clean = {f"clean_{name}": tensor for name, tensor in records.items()}  # ONNX names are unique
    latent: _Tensors = {"latent": ("float32", (width,))}
    cells = (len(layout.names),)
    roles: dict[str, tuple[_Tensors, _Tensors]] = {
        "encode": (records, latent | {"latent_scale": ("float32", (width,))}),
        "decode": (latent, records),
        "score": (records, {"score": ("float32", ())}),
        "denoise": (
            records | {"observed": ("float32", cells)},
            clean | {"probability": ("float32", cells), "intact": ("float32", cells)},
        ),
    }
    if role not in roles:
        return f"must be one of {sorted(roles)} or the graph of a sampler"
    inputs, outputs = roles[role]
    return _fault("inputs", info.inputs, inputs) or _fault("outputs", info.outputs, outputs)


def _records(layout: Layout) -> _Tensors:
    """Return the tensors that are records; arrays only where there are some."""
    columns, width = len(layout.names), layout.array_width
    records: _Tensors = {"tokens": ("int32", (columns,)), "residuals": ("float32", (columns,))}
    return records | ({"arrays": ("float32", (width,))} if width else {})


def _fault(what: str, infos: tuple[TensorInfo, ...], wanted: _Tensors) -> str:
    """Say how tensors are not those wanted."""
    found = {info.name: (info.dtype, info.shape[1:]) for info in infos if _has_free_rows(info)}
    return "" if found == wanted and len(infos) == len(found) else f"{what} must be {wanted}, got {found}"


def _noise_fault(info: GraphInfo) -> str:
    """Say which input of a sampler is no noise."""
    for tensor in info.inputs:
        fixed = all(isinstance(side, int) for side in tensor.shape[1:])
        named = tensor.name.endswith((UNIFORM_SUFFIX, NORMAL_SUFFIX))
        if not (named and fixed and tensor.dtype == "float32" and _has_free_rows(tensor)):
            return f"input {tensor.name} must be float32 noise, ..._u or ..._normal, of shape [rows, width]"
    return ""


def _has_free_rows(info: TensorInfo) -> bool:
    """Say whether the first side of the tensor is free."""
    return bool(info.shape) and isinstance(info.shape[0], str)
