"""The messages of an ONNX file that a bundle may hold, as tables: field number -> name and kind.

Source: onnx.proto of ONNX 1.23 (IR version 13). A field that is not here is refused, so that nothing
is read by onnxruntime that was not looked at here.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BYTES", "FORBIDDEN_FIELDS", "MESSAGES", "NUMBER", "NUMBERS"]

NUMBER: Final = "number"
"""One integer or float."""
NUMBERS: Final = "numbers"
"""Repeated integers or floats, packed or not."""
BYTES: Final = "bytes"
"""Text or bytes."""

MESSAGES: Final[dict[str, dict[int, tuple[str, str]]]] = {
    "ModelProto": {
        1: ("ir_version", NUMBER),
        2: ("producer_name", BYTES),
        3: ("producer_version", BYTES),
        4: ("domain", BYTES),
        5: ("model_version", NUMBER),
        6: ("doc_string", BYTES),
        7: ("graph", "GraphProto"),
        8: ("opset_import", "OperatorSetIdProto"),
        14: ("metadata_props", "StringStringEntryProto"),
        20: ("training_info", BYTES),
        25: ("functions", BYTES),
        26: ("configuration", BYTES),
    },
    "OperatorSetIdProto": {1: ("domain", BYTES), 2: ("version", NUMBER)},
    "StringStringEntryProto": {1: ("key", BYTES), 2: ("value", BYTES)},
    "GraphProto": {
        1: ("node", "NodeProto"),
        2: ("name", BYTES),
        5: ("initializer", "TensorProto"),
        10: ("doc_string", BYTES),
        11: ("input", "ValueInfoProto"),
        12: ("output", "ValueInfoProto"),
        13: ("value_info", "ValueInfoProto"),
        14: ("quantization_annotation", BYTES),
        15: ("sparse_initializer", "SparseTensorProto"),
        16: ("metadata_props", "StringStringEntryProto"),
    },
    "NodeProto": {
        1: ("input", BYTES),
        2: ("output", BYTES),
        3: ("name", BYTES),
        4: ("op_type", BYTES),
        5: ("attribute", "AttributeProto"),
        6: ("doc_string", BYTES),
        7: ("domain", BYTES),
        8: ("overload", BYTES),
        9: ("metadata_props", "StringStringEntryProto"),
        10: ("device_configurations", BYTES),
    },
    "AttributeProto": {
        1: ("name", BYTES),
        2: ("f", NUMBER),
        3: ("i", NUMBER),
        4: ("s", BYTES),
        5: ("t", "TensorProto"),
        6: ("g", "GraphProto"),
        7: ("floats", NUMBERS),
        8: ("ints", NUMBERS),
        9: ("strings", BYTES),
        10: ("tensors", "TensorProto"),
        11: ("graphs", "GraphProto"),
        13: ("doc_string", BYTES),
        14: ("tp", "TypeProto"),
        15: ("type_protos", "TypeProto"),
        20: ("type", NUMBER),
        21: ("ref_attr_name", BYTES),
        22: ("sparse_tensor", "SparseTensorProto"),
        23: ("sparse_tensors", "SparseTensorProto"),
    },
    "TensorProto": {
        1: ("dims", NUMBERS),
        2: ("data_type", NUMBER),
        3: ("segment", BYTES),
        4: ("float_data", NUMBERS),
        5: ("int32_data", NUMBERS),
        6: ("string_data", BYTES),
        7: ("int64_data", NUMBERS),
        8: ("name", BYTES),
        9: ("raw_data", BYTES),
        10: ("double_data", NUMBERS),
        11: ("uint64_data", NUMBERS),
        12: ("doc_string", BYTES),
        13: ("external_data", BYTES),
        14: ("data_location", NUMBER),
        16: ("metadata_props", "StringStringEntryProto"),
    },
    "SparseTensorProto": {
        1: ("values", "TensorProto"),
        2: ("indices", "TensorProto"),
        3: ("dims", NUMBERS),
    },
    "ValueInfoProto": {
        1: ("name", BYTES),
        2: ("type", "TypeProto"),
        3: ("doc_string", BYTES),
        4: ("metadata_props", "StringStringEntryProto"),
    },
    "TypeProto": {1: ("tensor_type", "TypeProto.Tensor"), 6: ("denotation", BYTES)},
    "TypeProto.Tensor": {1: ("elem_type", NUMBER), 2: ("shape", "TensorShapeProto")},
    "TensorShapeProto": {1: ("dim", "TensorShapeProto.Dimension")},
    "TensorShapeProto.Dimension": {
        1: ("dim_value", NUMBER),
        2: ("dim_param", BYTES),
        3: ("denotation", BYTES),
    },
}

FORBIDDEN_FIELDS: Final[dict[tuple[str, str], str]] = {
    ("ModelProto", "training_info"): "holds training graphs; a bundle's graphs only infer",
    ("ModelProto", "functions"): "holds local functions; export with functions inlined",
    ("ModelProto", "configuration"): "holds device configurations; the runtime chooses the device",
    ("NodeProto", "device_configurations"): "holds device configurations; the runtime chooses the device",
    ("NodeProto", "overload"): "names a local function; export with functions inlined",
    ("TensorProto", "external_data"): "has external data; weights must be inside the .onnx file",
    ("TensorProto", "segment"): "is cut into segments; tensors must be whole",
}
"""Known fields that no bundle may hold, and what to say about them."""
