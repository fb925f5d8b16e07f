"""Reads a .tflite file into plain frozen data, refusing anything that is not a sound model.

Only a file that passes here may reach the native interpreter, which trusts its input.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes.tflm.flatbuffer import Table, Walker, corrupt
from autotiny.runtimes.tflm.schema import OPERATORS, TENSOR_TYPES, UNIONS

#: Bits of one element; types that are missing have no fixed size.
TYPE_BITS = {
    "float32": 32, "float16": 16, "int32": 32, "uint8": 8, "int64": 64, "bool": 8, "int16": 16,
    "complex64": 64, "int8": 8, "float64": 64, "complex128": 128, "uint64": 64, "uint32": 32,
    "uint16": 16, "int4": 4, "bfloat16": 16, "int2": 2, "uint4": 4, "float8_e4m3fn": 8,
    "float8_e5m2": 8, "resource": 32,
}  # fmt: skip
#: Far above any microcontroller; keeps sizes within what the interpreter computes in 32 bits.
_MAX_TENSOR_BYTES = 2**30
_MAX_RANK = 8


@dataclass(frozen=True)
class Tensor:
    """One tensor of the graph.

    Attributes:
        index: Position in the graph's list.
        name: As in the file; empty in an image.
        shape: Dimensions, all positive or zero; empty for a scalar.
        type: Element type in lower case, as in ``int8``.
        buffer: Index of its buffer.
        data: Constant contents; None for an activation.
        scales: Quantisation scales: none, one, or one per channel.
        zero_points: As many as scales, or one for all, or none.
        quantized_dimension: Dimension that per-channel scales run along.
        is_variable: State that is kept between inferences.
        offset_data: The contents lie outside the flatbuffer, where TFLM does not look.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    buffer: int
    data: bytes | None = None
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    quantized_dimension: int = 0
    is_variable: bool = False
    offset_data: bool = False

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take, 4-bit ones packed two to a byte."""
        return -(-self.elements * TYPE_BITS.get(self.type, 8) // 8)


@dataclass(frozen=True)
class Operator:
    """One operator of the graph.

    Attributes:
        index: Position in the order of execution.
        name: Builtin name such as ``CONV_2D``, or a custom operator's code.
        version: Version of the operator.
        inputs: Tensor indices; -1 is an optional input that is left out.
        outputs: Tensor indices.
        options: Builtin options by field name, and ``custom_options`` as bytes if there are any.
        options_type: Name of the options table.
        intermediates: Tensor indices of intermediates.
    """

    index: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]
    options_type: str = "NONE"
    intermediates: tuple[int, ...] = ()


@dataclass(frozen=True)
class OperatorCode:
    """An entry of the file's operator table."""

    name: str
    version: int


@dataclass(frozen=True)
class Model:
    """A verified model; its first subgraph is the one that runs.

    Attributes:
        version: Schema version.
        tensors: Of the first subgraph.
        operators: Of the first subgraph, in order of execution.
        inputs: Tensor indices.
        outputs: Tensor indices.
        operator_codes: Operators that the file declares.
        buffers: Contents by buffer index; None where there are none.
        size: Bytes of the file.
        subgraphs: Number of subgraphs.
        metadata: Buffer index by metadata name.
    """

    version: int
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operator_codes: tuple[OperatorCode, ...]
    buffers: tuple[bytes | None, ...]
    size: int
    subgraphs: int
    metadata: Mapping[str, int]

    def input(self, operator: Operator, position: int) -> Tensor | None:
        """Return an operator's input tensor, or None if it is left out."""
        if position >= len(operator.inputs) or operator.inputs[position] < 0:
            return None
        return self.tensors[operator.inputs[position]]

    def output(self, operator: Operator, position: int = 0) -> Tensor:
        """Return an operator's output tensor."""
        return self.tensors[operator.outputs[position]]

    @cached_property
    def operator_names(self) -> tuple[str, ...]:
        """Names of the operators that run, each once, in order of first use."""
        return tuple(Counter(operator.name for operator in self.operators))


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


#: Ranks of the leading inputs and of the output of operators that costs are known for; None: any.
_RANKS: dict[str, tuple[tuple[int | None, ...], int | None]] = {
    "CONV_2D": ((4, 4), 4),
    "DEPTHWISE_CONV_2D": ((4, 4), 4),
    "TRANSPOSE_CONV": ((None, 4, 4), 4),
    "AVERAGE_POOL_2D": ((4,), 4),
    "MAX_POOL_2D": ((4,), 4),
    "FULLY_CONNECTED": ((None, 2), None),
    "SVDF": ((2, 2, 2), 2),
    "MEAN": ((None, None), None),
    **dict.fromkeys(("ADD", "SUB", "MUL"), ((None, None), None)),
    **dict.fromkeys(
        ("SOFTMAX", "RESHAPE", "QUANTIZE", "LOGISTIC", "RELU", "LEAKY_RELU", "PAD",
         "CONCATENATION", "STRIDED_SLICE", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
        ((None,), None),
    ),
}  # fmt: skip


def _check_ranks(operator: Operator, tensors: tuple[Tensor, ...]) -> None:
    """Kernels index dimensions without looking how many there are."""
    named = f"operator {operator.index} ({operator.name})"
    if operator.name == "TFLM_DECODE":
        if not operator.outputs or len(operator.inputs) != 2 * len(operator.outputs):
            raise corrupt(f"{named} must have two inputs for each output")
        if min(operator.inputs) < 0:
            raise corrupt(f"{named} leaves an input out")
        return
    if operator.name not in _RANKS:
        return
    inputs, output = _RANKS[operator.name]
    if len(operator.outputs) != 1 or len(operator.inputs) < len(inputs):
        raise corrupt(
            f"{named} has {len(operator.inputs)} inputs and {len(operator.outputs)} outputs, and "
            f"needs at least {len(inputs)} and exactly 1"
        )
    pairs = [*zip(operator.inputs, inputs, strict=False), (operator.outputs[0], output)]
    for index, rank in pairs:
        if index < 0:
            raise corrupt(f"{named} leaves an input out that it needs")
        if rank is not None and len(tensors[index].shape) != rank:
            raise corrupt(
                f"{named} takes or gives tensor {index} of shape {tensors[index].shape}, which "
                f"must have {rank} dimensions"
            )


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
        _check_indices(indices, len(tensors), f"a graph {name}", lowest=0)
    _check_constants(tensors, operators)
    for operator in operators:
        _check_ranks(operator, tensors)
    return tensors, operators, ends[0], ends[1]


def _check_indices(indices: tuple[int, ...], count: int, what: str, lowest: int) -> None:
    for index in indices:
        if not lowest <= index < count:
            raise corrupt(f"{what} names tensor {index}, and there are {count}")


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
    )  # fmt: skip
    if len(shape) > _MAX_RANK or min(shape, default=0) < 0 or tensor.nbytes > _MAX_TENSOR_BYTES:
        raise corrupt(
            f"tensor {index} has shape {shape[:_MAX_RANK]}; allowed are up to {_MAX_RANK} "
            f"dimensions from 0, with at most {_MAX_TENSOR_BYTES} bytes in all"
        )
    _check_quantization(tensor)
    return tensor


def _check_quantization(tensor: Tensor) -> None:
    scales, zero_points = len(tensor.scales), len(tensor.zero_points)
    if scales and zero_points not in (0, 1, scales):
        raise corrupt(f"tensor {tensor.index} has {scales} scales and {zero_points} zero points")
    if scales > 1:
        dimension = tensor.quantized_dimension
        if not 0 <= dimension < len(tensor.shape) or tensor.shape[dimension] != scales:
            raise corrupt(
                f"tensor {tensor.index} of shape {tensor.shape} has {scales} scales along "
                f"dimension {dimension}"
            )


def _operator(table: Table, index: int, codes: tuple[OperatorCode, ...], tensors: int) -> Operator:
    number = table.get("opcode_index", 0)
    if number >= len(codes):
        raise corrupt(f"operator {index} has code {number}, and there are {len(codes)}")
    groups = [tuple(table.get(name, ())) for name in ("inputs", "outputs", "intermediates")]
    for indices, lowest in zip(groups, (-1, 0, -1), strict=True):
        _check_indices(indices, tensors, f"operator {index}", lowest)
    kind = UNIONS["Operator.builtin_options"][table.get("builtin_options_type", 0)]
    options = dict(table.get("builtin_options", {}))
    if "custom_options" in table:
        options["custom_options"] = table["custom_options"]
    code = codes[number]
    return Operator(index, code.name, code.version, groups[0], groups[1], options, kind, groups[2])


def _check_constants(tensors: tuple[Tensor, ...], operators: tuple[Operator, ...]) -> None:
    """Kernels read as many bytes as a shape says, so a constant must have them."""
    for tensor in tensors:
        if tensor.data is None or tensor.type not in TYPE_BITS:
            continue
        if len(tensor.data) < tensor.nbytes:
            raise corrupt(
                f"tensor {tensor.index} of shape {tensor.shape} needs {tensor.nbytes} bytes, "
                f"and its buffer has {len(tensor.data)}"
            )
    for operator in operators:
        for index in operator.outputs:
            if tensors[index].data is not None:
                raise corrupt(f"operator {operator.index} writes the constant tensor {index}")
