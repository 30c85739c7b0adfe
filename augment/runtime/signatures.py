"""Which tensors each graph must take and give, for records of a given layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.runtime.noise import NORMAL_SUFFIX, UNIFORM_SUFFIX

if TYPE_CHECKING:
    from augment.bundle import GraphInfo, Manifest, Stepwise, TensorInfo
    from augment.data import Layout

__all__ = ["signature_fault"]

_Tensors = dict[str, tuple[str, tuple[int, ...]]]
_Once = _Tensors
"""By name: the dtype, and the shape without the rows."""


def signature_fault(manifest: Manifest, layout: Layout) -> str:
    """Say which graph does not fit records of this layout; empty text where all do."""
    stepwise = {
        role: _stepwise_fault(role.removeprefix(f"{sampler}_"), info, plan, layout, manifest)
        for sampler, plan in manifest.stepwise.items()
        for role in plan.roles(sampler)
        for info in (manifest.graphs[role],)
    }
    for role, info in manifest.graphs.items():
        if role in stepwise:
            fault = stepwise[role]
        elif role.endswith("_sample") and role.removesuffix("_sample") in manifest.samplers:
            fault = _noise_fault(info) or _fault("outputs", info.outputs, _records(layout))
        elif role == "complete":
            fault = _complete_fault(info, layout)
        else:
            fault = _role_fault(role, info, layout, manifest)
        if fault:
            return f"graphs.{role}: {fault}"
    return ""


def _role_fault(role: str, info: GraphInfo, layout: Layout, manifest: Manifest) -> str:
    """Say how a graph does not fit its role."""
    records, width = _records(layout), manifest.latent_dim
    clean = {f"clean_{name}": tensor for name, tensor in records.items()}  # ONNX names are unique
    latent: _Tensors = {"latent": ("float32", (width,))}
    cells = (len(layout.names),)
    once: _Once = {"token_values": ("float32", (sum(layout.vocab_sizes),))} if role == "denoise" else {}
    judged = dict.fromkeys(("probability", "intact", "mean"), ("float32", cells))
    roles: dict[str, tuple[_Tensors, _Tensors]] = {
        "encode": (records, latent | {"latent_scale": ("float32", (width,))}),
        "decode": (latent, records),
        "score": (records, {"score": ("float32", ())}),
        "predict": (records, _predicted(manifest)),
        "denoise": (
            records | {"observed": ("float32", cells), "doubt": ("float32", ())},
            clean | judged,
        ),
    }
    if role not in roles:
        return f"must be one of {sorted(roles)} or the graph of a sampler"
    inputs, outputs = roles[role]
    if role == "decode" and any(tensor.name == "values" for tensor in info.outputs):
        outputs = outputs | {"values": ("float32", cells)}
    return _fault("inputs", info.inputs, inputs, once) or _fault("outputs", info.outputs, outputs)


def _predicted(manifest: Manifest) -> _Tensors:
    """Return what `predict` gives: a probability a class, or a value."""
    classes = manifest.prediction.classes if manifest.prediction is not None else ()
    return {"probabilities": ("float32", (len(classes),))} if classes else {"value": ("float32", ())}


def _stepwise_fault(part: str, info: GraphInfo, plan: Stepwise, layout: Layout, manifest: Manifest) -> str:
    """Say how one of the graphs of a stepwise sampler does not fit; its width is any, but one for all."""
    columns, rows = len(layout.names), ("float32", ())
    if len(plan.order) != columns:
        return f"the order must name {columns} columns, got {list(plan.order)}"
    if layout.array_width and "complete" not in manifest.graphs:
        return "arrays must be made after the table cells by a graph complete, got none"
    state: _Tensors = {"state": ("float32", (_state_width(info, manifest),))}
    hidden = {"hidden": state["state"]}
    cell: _Tensors = {"tokens": ("int32", ()), "residuals": rows}
    if part.startswith("draw_"):
        group = plan.groups[int(part.removeprefix("draw_"))]
        bounds = ("float32", (max(layout.vocab_sizes[column] for column in group),))
        inputs = hidden | {"token_u": rows, "residual_u": rows}
        inputs |= dict.fromkeys(("log_weights", "low", "high"), bounds)
        return _fault("inputs", info.inputs, inputs, {"place": ("int32", ())}) or _fault(
            "outputs", info.outputs, cell | {"log_mass": rows}
        )
    records = _cells(layout) | {"observed": ("float32", (columns,))}
    column: _Once = {"column": ("int32", ())}
    parts: dict[str, tuple[_Tensors, _Once, _Tensors]] = {
        "start": (records, {}, state),
        "hidden": (state, column, hidden),
        "absorb": (state | cell | {"fresh": rows}, column, {"next_state": state["state"]}),
    }
    inputs, once, outputs = parts[part]
    return _fault("inputs", info.inputs, inputs, once) or _fault("outputs", info.outputs, outputs)


def _complete_fault(info: GraphInfo, layout: Layout) -> str:
    """Say how the graph that makes arrays after the table cells does not fit."""
    cells = _cells(layout)
    given = tuple(tensor for tensor in info.inputs if tensor.name in cells)
    noise = info.model_copy(update={"inputs": tuple(one for one in info.inputs if one.name not in cells)})
    arrays: _Tensors = {"arrays": ("float32", (layout.array_width,))}
    return _fault("inputs", given, cells) or _noise_fault(noise) or _fault("outputs", info.outputs, arrays)


def _state_width(info: GraphInfo, manifest: Manifest) -> int:
    """Return the width of a stepwise sampler's state."""
    for tensor in (*info.inputs, *info.outputs):
        if tensor.name in {"state", "hidden"} and isinstance(tensor.shape[-1], int):
            return tensor.shape[-1]
    del manifest
    return 0


def _records(layout: Layout) -> _Tensors:
    """Return the tensors that are records; arrays only where there are some."""
    width = layout.array_width
    return _cells(layout) | ({"arrays": ("float32", (width,))} if width else {})


def _cells(layout: Layout) -> _Tensors:
    """Return the tensors that are records' tokens."""
    columns = (len(layout.names),)
    return {"tokens": ("int32", columns), "residuals": ("float32", columns)}


def _fault(what: str, infos: tuple[TensorInfo, ...], wanted: _Tensors, once: _Once | None = None) -> str:
    """Say how tensors are not those wanted: `wanted` for each row, `once` for all rows together."""
    found = {info.name: (info.dtype, info.shape[1:]) for info in infos if _has_free_rows(info)}
    said = {info.name: (info.dtype, info.shape[1:]) for info in infos if info.shape[:1] == (1,)}
    if found == wanted and said == (once or {}) and len(infos) == len(found) + len(said):
        return ""
    return f"{what} must be {wanted} and once {once or {}}, got {found} and {said}"


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
