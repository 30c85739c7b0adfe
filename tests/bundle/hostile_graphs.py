"""ONNX graphs made to harm: each edit turns the graph `score` of a small bundle into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

    Edit = Callable[[onnx.ModelProto], object]

__all__ = ["GRAPHS"]

_HUGE = 2**40


def _constant(model: onnx.ModelProto, values: Any, dtype: str = "int64") -> str:
    name = f"hostile{len(model.graph.initializer)}"
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype), name))
    return name


def _weight(model: onnx.ModelProto) -> TensorProto:
    return model.graph.initializer[0]


def _node(op: str, *constants: Any, source: bool = True, **attributes: Any) -> Edit:
    """Return an edit after which the score hangs on one more operator: nobody can leave it out."""

    def edit(model: onnx.ModelProto) -> None:
        graph = model.graph
        names = [_constant(model, *given) if isinstance(given, tuple) else given for given in constants]
        inputs = ["residuals", *names] if source else names
        graph.node.append(helper.make_node(op, inputs, ["made"], **attributes))
        _hang_score_on(model, "made")

    return edit


def _hang_score_on(model: onnx.ModelProto, name: str) -> None:
    """Add 0 times the mean of a tensor to the score."""
    graph = model.graph
    last = next(node for node in graph.node if "score" in node.output)
    last.output[0] = "plain_score"
    zero = _constant(model, 0.0, "float32")
    graph.node.append(helper.make_node("Cast", [name], ["as_float"], to=TensorProto.FLOAT))
    graph.node.append(helper.make_node("ReduceMean", ["as_float"], ["mean"], keepdims=0))
    graph.node.append(helper.make_node("Mul", ["mean", zero], ["nothing"]))
    graph.node.append(helper.make_node("Add", ["plain_score", "nothing"], ["score"]))


def _external(**entries: str) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        tensor = _weight(model)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)

    return edit


def _tensor(**changes: Any) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        tensor = _weight(model)
        for name, value in changes.items():
            if name == "dims":
                del tensor.dims[:]
                tensor.dims.extend(value)
            else:
                setattr(tensor, name, value)

    return edit


def _input(**changes: Any) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        kind = model.graph.input[0].type.tensor_type
        if "elem_type" in changes:
            kind.elem_type = changes["elem_type"]
        if "dim_value" in changes:
            kind.shape.dim[1].dim_value = changes["dim_value"]
        if "ranks" in changes:
            for _ in range(changes["ranks"]):
                kind.shape.dim.add(dim_value=1)

    return edit


def _with_body(op: str, **attributes: Any) -> Edit:
    """Return an edit that adds an operator with a subgraph."""

    def edit(model: onnx.ModelProto) -> None:
        body = helper.make_graph([helper.make_node("Identity", ["residuals"], ["inner"])], "body", [], [])
        model.graph.node.append(helper.make_node(op, ["residuals"], ["made"], body=body, **attributes))
        _hang_score_on(model, "made")

    return edit


def _loop(model: onnx.ModelProto) -> None:
    """Add a loop of 2**62 turns."""
    flag = helper.make_tensor_value_info("flag", TensorProto.BOOL, [])
    turn = helper.make_tensor_value_info("turn", TensorProto.INT64, [])
    out = helper.make_tensor_value_info("flag_out", TensorProto.BOOL, [])
    body = helper.make_graph([helper.make_node("Identity", ["flag"], ["flag_out"])], "b", [turn, flag], [out])
    turns, yes = _constant(model, 2**62), _constant(model, True, "bool")  # noqa: FBT003 - a value
    model.graph.node.append(helper.make_node("Loop", [turns, yes], [], body=body))


def _function(model: onnx.ModelProto) -> None:
    node = helper.make_node("RandomNormal", [], ["y"], shape=[1])
    made = helper.make_function("own", "Quiet", [], ["y"], [node], [helper.make_opsetid("", 20)])
    model.functions.append(made)
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.graph.node.append(helper.make_node("Quiet", [], ["quiet"], domain="own"))


def _cycle(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Add", ["residuals", "second"], ["first"]))
    model.graph.node.append(helper.make_node("Identity", ["first"], ["second"]))


def _undefined_input(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "nobody"


def _output_twice(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["residuals"], ["score"]))


def _weight_twice(model: onnx.ModelProto) -> None:
    _constant(model, [1.0], "float32")
    model.graph.initializer[-1].name = "residuals"


def _input_twice(model: onnx.ModelProto) -> None:
    model.graph.input.append(model.graph.input[0])


def _no_output(model: onnx.ModelProto) -> None:
    del model.graph.output[:]


def _nobodys_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "nobody"


def _no_nodes(model: onnx.ModelProto) -> None:
    del model.graph.node[:]


def _sparse(indices: list[int]) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        values = numpy_helper.from_array(np.ones(len(indices), np.float32), "thin")
        where = numpy_helper.from_array(np.asarray(indices, np.int64), "thin_indices")
        model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, where, [_HUGE]))
        _hang_score_on(model, "thin")

    return edit


def _text_tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(["x" * 1000], object), "words"))
    _hang_score_on(model, "words")


def _doubling(model: onnx.ModelProto) -> None:
    """Put a tensor beside itself, 45 times: a few hundred bytes that ask for terabytes."""
    name = "residuals"
    for number in range(45):
        model.graph.node.append(helper.make_node("Concat", [name, name], [f"double{number}"], axis=1))
        name = f"double{number}"
    _hang_score_on(model, name)


def _part_for_nobody(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Split", ["residuals"], ["made", ""], axis=0, num_outputs=2))
    _hang_score_on(model, "made")


def _one_part_more(model: onnx.ModelProto) -> None:
    model.graph.node.append(
        helper.make_node("Split", ["residuals"], ["a", "b", "made"], axis=1, num_outputs=2)
    )
    _hang_score_on(model, "made")


def _not_a_number(value: float) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        last = next(node for node in model.graph.node if "score" in node.output)
        last.output[0] = "plain_score"
        model.graph.node.append(
            helper.make_node("Add", ["plain_score", _constant(model, value, "float32")], ["score"])
        )

    return edit


def _opset(version: int) -> Edit:
    return lambda model: setattr(model.opset_import[0], "version", version)


def _domain(domain: str, op: str) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        model.opset_import.append(helper.make_opsetid(domain, 1))
        model.graph.node.append(helper.make_node(op, ["residuals"], ["made"], domain=domain))
        _hang_score_on(model, "made")

    return edit


def _sequence_input(model: onnx.ModelProto) -> None:
    item = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
    model.graph.input[0].type.CopyFrom(helper.make_sequence_type_proto(item))


def _quantized(model: onnx.ModelProto) -> None:
    _weight(model).name = "x\0y"


GRAPHS: dict[str, Edit] = {
    "external data without a place": _external(),
    "external data beside the bundle": _external(location="score.bin"),
    "external data of the host": _external(location="/etc/passwd"),
    "external data above the bundle": _external(location="../../../../etc/passwd", offset="0", length="9"),
    "external data of a device": _external(location="/dev/zero", length=str(_HUGE)),
    "a loop of 2**62 turns": _loop,
    "a branch": _with_body("If"),
    "a scan": _with_body("Scan", num_scan_inputs=1),
    "a map over a sequence": _with_body("SequenceMap"),
    "a random operator": _node("RandomNormal", source=False, shape=[2]),
    "a random operator like a tensor": _node("RandomUniformLike"),
    "a coin": _node("Bernoulli"),
    "a draw": _node("Multinomial", sample_size=3),
    "a function that hides an operator": _function,
    "an operator of the runtime's own domain": _domain("com.microsoft", "Gelu"),
    "an operator of another domain": _domain("com.example", "Shell"),
    "an operator of the domain for classical models": _domain("ai.onnx.ml", "Normalizer"),
    "an unknown operator": _node("Exfiltrate"),
    "an operator without a name": _node(""),
    "a cycle": _cycle,
    "an input from nowhere": _undefined_input,
    "an output twice": _output_twice,
    "a weight named like an input": _weight_twice,
    "an input twice": _input_twice,
    "no output": _no_output,
    "an output from nowhere": _nobodys_output,
    "no operators": _no_nodes,
    "a weight of 2**62 numbers": _tensor(dims=[2**31, 2**31]),
    "a weight whose size overflows": _tensor(dims=[2**32, 2**32]),
    "a weight of negative size": _tensor(dims=[-1]),
    "a weight of the smallest size": _tensor(dims=[-(2**63)]),
    "a weight shorter than it says": _tensor(raw_data=b"\0"),
    "a weight longer than it says": _tensor(raw_data=b"\0" * 999),
    "a weight of an unknown type": _tensor(data_type=99),
    "a weight of no type": _tensor(data_type=0),
    "a weight of text": _text_tensor,
    "a weight of another type": _tensor(data_type=TensorProto.COMPLEX128),
    "a sparse weight of terabytes": _sparse([0]),
    "a sparse weight out of its bounds": _sparse([2**50]),
    "a constant of terabytes": _node("ConstantOfShape", ([_HUGE],), source=False),
    "a constant of negative size": _node("ConstantOfShape", ([-5],), source=False),
    "a row a million times a million": _node("Expand", ([10**6, 10**6, 8],)),
    "tiles without end": _node("Tile", ([2**31, 2**31],)),
    "a range of 2**40": _node("Range", (0,), (_HUGE,), (1,), source=False),
    "a range without end": _node("Range", (0,), (1,), (0,), source=False),
    "a tensor doubled 45 times": _doubling,
    "padding of terabytes": _node("Pad", ([0, 0, _HUGE, 0],)),
    "padding of negative terabytes": _node("Pad", ([0, 0, -_HUGE, 0],)),
    "an image of terabytes": _node("Resize", "", ([1e6, 1e6], "float32"), mode="nearest"),
    "classes of terabytes": _node("OneHot", ([0],), (_HUGE,), ([0, 1],), source=False),
    "an index out of its bounds": _node("Gather", ([2**40],), axis=1),
    "an index far below": _node("GatherND", ([[-(2**40), 0]],)),
    "a slice of step 0": _node("Slice", ([0],), ([1],), ([1],), ([0],)),
    "a shape that does not fit": _node("Reshape", ([7, 13],)),
    "an equation that is none": _node("Einsum", equation="ij,jk->" + "z" * 5000),
    "the best 2**40": _node("TopK", ([_HUGE],)),
    "a transposition without sense": _node("Transpose", perm=[5, 5]),
    "the least of a tensor and nothing": _node("Min", ""),
    "the largest of a tensor and nothing": _node("Max", ""),
    "a sum with nothing": _node("Sum", ""),
    "a mean with nothing": _node("Mean", ""),
    "a product with nothing": _node("Einsum", "", equation="ij,ij->ij"),
    "a tensor beside nothing": _node("Concat", "", axis=1),
    "a sequence of a tensor and nothing": _node("SequenceConstruct", ""),
    "a part for nobody": _part_for_nobody,
    "a part more than is told": _one_part_more,
    "NaN": _not_a_number(float("nan")),
    "infinity": _not_a_number(float("inf")),
    "operators of a far future": _opset(10**6),
    "operators of no version": _opset(-1),
    "a format of a far future": lambda model: setattr(model, "ir_version", 2**31),
    "no operator set": lambda model: model.ClearField("opset_import"),
    "an input of doubles": _input(elem_type=TensorProto.DOUBLE),
    "an input of text": _input(elem_type=TensorProto.STRING),
    "an input of 2**62 columns": _input(dim_value=2**62),
    "an input of negative columns": _input(dim_value=-3),
    "an input of 200 ranks": _input(ranks=200),
    "a sequence as an input": _sequence_input,
    "a weight whose name has a zero byte": _quantized,
}
"""By name, what is done to the graph. Every one must be refused."""
