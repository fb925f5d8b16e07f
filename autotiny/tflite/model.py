"""A TFLite model as plain frozen data."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

#: Bits of one element; types that are missing have no fixed size.
TYPE_BITS = {
    "float32": 32, "float16": 16, "int32": 32, "uint8": 8, "int64": 64, "bool": 8, "int16": 16,
    "complex64": 64, "int8": 8, "float64": 64, "complex128": 128, "uint64": 64, "uint32": 32,
    "uint16": 16, "int4": 4, "bfloat16": 16, "int2": 2, "uint4": 4, "float8_e4m3fn": 8,
    "float8_e5m2": 8, "resource": 32,
}  # fmt: skip


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
        quantized_dimension: Dimension that scales run along; only of weights is it checked.
        is_variable: State that is kept between inferences.
        offset_data: The contents lie outside the flatbuffer, where TFLM does not look.
        signature: Dimensions with -1 for those that are dynamic; empty if none is.
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
    signature: tuple[int, ...] = ()

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
