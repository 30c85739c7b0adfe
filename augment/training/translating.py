"""torch.export's programs to ONNX without tracing them a second time, as torch does by itself."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any

import torch
from onnxscript import opset20
from torch.onnx.errors import OnnxExporterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["to_program"]

_aten = torch.ops.aten
_ops: Any = opset20


def to_program(program: torch.export.ExportedProgram, **settings: Any) -> torch.onnx.ONNXProgram:
    """Translate a program.

    torch first takes every program apart into its core operators, by tracing it again. Nearly all
    operators of the models have an ONNX translation as they stand, in torch or in the table below, so
    that is left out, and made up for where an operator has none. The files are the same size.

    Args:
        program: What to translate.
        settings: Those of `torch.onnx.export`.

    Raises:
        OnnxExporterError: An operator has no translation.
    """
    whole = program.run_decompositions
    with _operators_read_once():
        try:
            program.run_decompositions = lambda *_, **__: program
            return _translated(program, settings)
        except OnnxExporterError:
            program.run_decompositions = whole
            return _translated(program, settings)


def _translated(program: torch.export.ExportedProgram, settings: dict[str, Any]) -> torch.onnx.ONNXProgram:
    translated = torch.onnx.export(
        program, dynamo=True, custom_translation_table=_TRANSLATIONS, verbose=False, **settings
    )
    assert translated is not None  # noqa: S101 - so it is with dynamo=True
    return translated


def _cast(values: Any, dtype: int) -> Any:
    return _ops.Cast(values, to=dtype)


def _from_scalar(values: Any, other: float, alpha: float = 1.0) -> Any:
    minuend, factor = (_ops.CastLike(_ops.Constant(value_float=float(one)), values) for one in (other, alpha))
    return _ops.Sub(minuend, _ops.Mul(values, factor))


def _square(values: Any) -> Any:
    return _ops.Mul(values, values)


def _and(left: Any, right: Any) -> Any:
    return _ops.And(left, right)


def _or(left: Any, right: Any) -> Any:
    return _ops.Or(left, right)


_TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    _aten.to.dtype: _cast,
    _aten.rsub.Scalar: _from_scalar,
    _aten.square.default: _square,
    _aten.__and__.Tensor: _and,
    _aten.__or__.Tensor: _or,
}
"""Operators that torch has no translation of; `&` and `|` stand between booleans in every model."""


_parsed: dict[int, Any] = {}
"""torch's tables of ONNX functions by opset."""


@contextlib.contextmanager
def _operators_read_once() -> Iterator[None]:
    """Keep torch's table of ONNX functions between exports: it parses their sources anew each time.

    That costs most of a second a graph. Where a later torch has no such place, nothing is changed.
    """
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry  # noqa: PLC0415 - may go away

        read = ONNXRegistry.__dict__["from_torchlib"]
    except (ImportError, KeyError):
        yield
        return

    def remembered(cls: Any, opset_version: int) -> Any:
        if opset_version not in _parsed:
            _parsed[opset_version] = read.__func__(cls, opset_version)
        own = copy.copy(_parsed[opset_version])
        own.functions = {target: list(functions) for target, functions in own.functions.items()}
        return own

    setattr(ONNXRegistry, "from_torchlib", classmethod(remembered))  # noqa: B010 - a method of another package
    try:
        yield
    finally:
        setattr(ONNXRegistry, "from_torchlib", read)  # noqa: B010 - as it was
