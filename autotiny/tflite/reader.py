"""Reads a .tflite file into plain frozen data, refusing anything that is not a sound model.

Only a file that passes here may reach the native interpreter, which trusts its input.
"""

from autotiny.errors import UnsupportedModelError
from autotiny.tflite.checks import (
    check_constants,
    check_indices,
    check_ranks,
    check_shape,
    check_weights,
)
from autotiny.tflite.flatbuffer import Table, Walker, corrupt
from autotiny.tflite.model import TYPE_BITS, Model, Operator, OperatorCode, Tensor
from autotiny.tflite.schema import OPERATORS, TENSOR_TYPES, UNIONS

__all__ = ["TYPE_BITS", "Model", "Operator", "OperatorCode", "Tensor", "read_model"]


def read_model(data: bytes) -> Model:
    """Return the verified contents of a .tflite file.

    Raises:
        InputError: If the file is not a sound TFLite model.
    """
    data = bytes(data)
    walker = Walker(data)
    return model_from_tables(walker.root(), data)


def model_from_tables(root: Table, data: bytes) -> Model:
    """Return the model that a walk over ``data`` found.

    Raises:
        InputError: If its parts contradict each other.
    """
    version = root.get("version", 0)
    if version != 3:
        raise corrupt(f"its schema version is {version} and must be 3")
    subgraphs = root.get("subgraphs") or []
    if not subgraphs:
        raise corrupt("it has no subgraph")
    buffers = [_buffer(table, data) for table in root.get("buffers", [])]
    codes = tuple(_operator_code(table) for table in root.get("operator_codes", []))
    graphs = [_graph(graph, codes, buffers) for graph in subgraphs]
    tensors, operators, inputs, outputs = graphs[0]
    return Model(
        version, tensors, operators, inputs, outputs, codes, tuple(b for b, _ in buffers),
        len(data), len(subgraphs), _metadata(root, len(buffers)),
    )  # fmt: skip


def _buffer(table: Table, data: bytes) -> tuple[bytes | None, bool]:
    """Return a buffer's contents and whether they lie outside the flatbuffer."""
    offset, size = table.get("offset", 0), table.get("size", 0)
    if offset <= 1:
        return table.get("data") or None, False
    if offset + size > len(data):
        raise corrupt(f"a buffer of {size} bytes at byte {offset} is outside the file")
    return data[offset : offset + size] or None, True


def _metadata(root: Table, buffers: int) -> dict[str, int]:
    entries = {}
    for table in root.get("metadata", []):
        index = table.get("buffer", 0)
        if not 0 <= index < buffers:
            raise corrupt(f"metadata names buffer {index}, and there are {buffers}")
        entries[_text(table.get("name", b""))] = index
    return entries


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _operator_code(table: Table) -> OperatorCode:
    # The old field has 8 bits; codes from 127 on are only in the new one.
    number = max(table.get("builtin_code", 0), table.get("deprecated_builtin_code", 0))
    if not 0 <= number < len(OPERATORS):
        raise UnsupportedModelError(
            f"The model has operator code {number}, and only 0 to {len(OPERATORS) - 1} are known."
        )
    name = OPERATORS[number]
    if name == "CUSTOM":
        code = _text(table.get("custom_code", b""))[:100]
        name = "".join(c if c.isprintable() else "?" for c in code) or "CUSTOM"
    return OperatorCode(name, table.get("version", 1))


_Graph = tuple[
    tuple[Tensor, ...], tuple[Operator, ...], tuple[int, ...], tuple[int, ...]
]  # fmt: skip


def _graph(
    table: Table, codes: tuple[OperatorCode, ...], buffers: list[tuple[bytes | None, bool]]
) -> _Graph:
    tensors = tuple(_tensor(t, i, buffers) for i, t in enumerate(table.get("tensors", [])))
    operators = tuple(
        _operator(t, i, codes, len(tensors)) for i, t in enumerate(table.get("operators", []))
    )
    ends = [tuple(table.get(name, ())) for name in ("inputs", "outputs")]
    for indices, name in zip(ends, ("input", "output"), strict=True):
        check_indices(indices, len(tensors), f"a graph {name}", lowest=0)
    check_constants(tensors, operators)
    for operator in operators:
        check_ranks(operator, tensors)
        check_weights(operator, tensors)
    return tensors, operators, ends[0], ends[1]


def _tensor(table: Table, index: int, buffers: list[tuple[bytes | None, bool]]) -> Tensor:
    number, buffer = table.get("type", 0), table.get("buffer", 0)
    if not 0 <= number < len(TENSOR_TYPES):
        raise corrupt(f"tensor {index} has element type {number}, which does not exist")
    if buffer >= len(buffers):
        raise corrupt(f"tensor {index} names buffer {buffer}, and there are {len(buffers)}")
    shape = tuple(table.get("shape", ()))
    quantization = table.get("quantization", {})
    data, outside = buffers[buffer]
    tensor = Tensor(
        index, _text(table.get("name", b"")), shape, TENSOR_TYPES[number], buffer, data,
        tuple(quantization.get("scale", ())), tuple(quantization.get("zero_point", ())),
        quantization.get("quantized_dimension", 0), table.get("is_variable", False), outside,
        tuple(table.get("shape_signature", ())),
    )  # fmt: skip
    check_shape(tensor)
    return tensor


def _operator(table: Table, index: int, codes: tuple[OperatorCode, ...], tensors: int) -> Operator:
    number = table.get("opcode_index", 0)
    if number >= len(codes):
        raise corrupt(f"operator {index} has code {number}, and there are {len(codes)}")
    groups = [tuple(table.get(name, ())) for name in ("inputs", "outputs", "intermediates")]
    for indices, lowest in zip(groups, (-1, 0, -1), strict=True):
        check_indices(indices, tensors, f"operator {index}", lowest)
    kinds, kind = UNIONS["Operator.builtin_options"], table.get("builtin_options_type", 0)
    if kind >= len(kinds):
        raise corrupt(
            f"operator {index} has options of type {kind}, and 0 to {len(kinds) - 1} exist"
        )
    options = dict(table.get("builtin_options", {}))
    if "custom_options" in table:
        options["custom_options"] = table["custom_options"]
    code = codes[number]
    return Operator(
        index, code.name, code.version, groups[0], groups[1], options, kinds[kind],
        groups[2],
    )  # fmt: skip
