"""A .tflite as plain values: what TFLM reads of it, and the tensor names we report by.

Everything else in the file (signatures, metadata, descriptions, min and max, sparsity) is dropped
on reading. The one metadata entry that TFLM knows, a memory plan made offline, is dropped too: it
speaks of tensor indices that packing changes, and TFLM plans for itself without it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from autotiny.tflite.reader import read_model

INT8: int = schema.TensorType.INT8
INT4: int = schema.TensorType.INT4
INT16: int = schema.TensorType.INT16
UINT8: int = schema.TensorType.UINT8


@dataclass(frozen=True)
class Quantization:
    """Affine parameters as the file holds them.

    Attributes:
        scales: One per channel, or one; little-endian float32.
        zero_points: As many as scales, or one for all; int64.
        axis: The dimension that has the channels.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def channel_axis(self) -> int | None:
        """The axis of per-channel scales, None when one scale serves the whole tensor."""
        return self.axis if len(self.scales) > 1 else None


@dataclass(frozen=True)
class Tensor:
    """One tensor.

    Attributes:
        name: Name in the full model; not written into an image.
        shape: None for a scalar.
        type: ``schema.TensorType``.
        data: Constant bytes as stored, None for an activation.
        quantization: None when TFLM would find none.
        is_variable: Keeps its value between inferences.
        alignment: Bytes to which its data must be aligned; 0 for its type's own alignment.
    """

    name: str
    shape: tuple[int, ...] | None
    type: int
    data: bytes | None = None
    quantization: Quantization | None = None
    is_variable: bool = False
    alignment: int = 0

    @property
    def elements(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape or (), dtype=np.int64))

    def values(self) -> NDArray[np.int8]:
        """Return the constant's values as int8, in its shape; INT4 is widened.

        Two INT4 values share a byte, the first in the low half.
        """
        raw = np.frombuffer(self.data or b"", np.int8)
        if self.type == INT4:
            raw = np.stack([raw << 4 >> 4, raw >> 4], axis=-1).ravel()[: self.elements]
        return raw.reshape(self.shape or ())


@dataclass(frozen=True)
class Operator:
    """One operator.

    Attributes:
        code: ``schema.BuiltinOperator``.
        inputs: Tensor indices, -1 for an optional input left out.
        outputs: Tensor indices.
        custom_code: Name of a custom operator.
        options: (union type, object of the schema) or None.
        options_2: The same for the schema's second union of options.
        custom_options: Bytes that a custom operator reads.
        intermediates: Tensor indices, as LSTM has them.
    """

    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    custom_code: str | None = None
    options: tuple[int, Any] | None = None
    options_2: tuple[int, Any] | None = None
    custom_options: bytes | None = None
    intermediates: tuple[int, ...] = ()

    @property
    def touched(self) -> tuple[int, ...]:
        """Indices of all tensors it names, without the ones left out."""
        return tuple(i for i in (*self.inputs, *self.outputs, *self.intermediates) if i >= 0)


@dataclass(frozen=True)
class Graph:
    """One subgraph: tensors, and operators in the order they run."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def uses(self, index: int) -> Iterator[tuple[int, int]]:
        """Yield (operator position, input position) wherever a tensor is read."""
        for position, operator in enumerate(self.operators):
            for slot, tensor in enumerate(operator.inputs):
                if tensor == index:
                    yield position, slot


def read_graphs(model: bytes) -> tuple[Graph, ...]:
    """Read all subgraphs of a .tflite.

    The schema's own code keeps operator options as objects, whatever their type, but it trusts
    its input, so the bytes are verified first.

    Raises:
        InputError: If the file is not a sound TFLite model.
    """
    read_model(model)
    packed = schema.ModelT.InitFromPackedBuf(model, 0)
    return tuple(_graph(graph, packed) for graph in packed.subgraphs)


def _graph(graph: Any, model: Any) -> Graph:
    return Graph(
        tensors=tuple(_tensor(tensor, model.buffers) for tensor in graph.tensors),
        operators=tuple(_operator(op, model.operatorCodes) for op in graph.operators or ()),
        inputs=_ints(graph.inputs),
        outputs=_ints(graph.outputs),
    )


def _tensor(tensor: Any, buffers: list[Any]) -> Tensor:
    data = buffers[tensor.buffer].data
    return Tensor(
        name=(tensor.name or b"").decode(errors="replace"),
        shape=None if tensor.shape is None else _ints(tensor.shape),
        type=int(tensor.type),
        data=None if data is None or len(data) == 0 else np.asarray(data, np.uint8).tobytes(),
        quantization=_quantization(tensor.quantization),
        is_variable=bool(tensor.isVariable),
    )


def _quantization(parameters: Any) -> Quantization | None:
    """Keep parameters only when they hold both scales and zero points, as TFLM asks for both.

    Source: micro_allocator.cc, InitializeTfLiteTensorFromFlatbuffer.
    """
    if parameters is None or parameters.scale is None or parameters.zeroPoint is None:
        return None
    if len(parameters.scale) == 0 or len(parameters.zeroPoint) == 0:
        return None
    return Quantization(
        scales=tuple(np.asarray(parameters.scale, np.float32).tolist()),
        zero_points=_ints(parameters.zeroPoint),
        axis=int(parameters.quantizedDimension),
    )


def _operator(operator: Any, codes: list[Any]) -> Operator:
    code = codes[operator.opcodeIndex]
    custom, options = code.customCode, operator.customOptions
    return Operator(
        # The file has two fields for the code since the enumeration outgrew a byte; the larger
        # one counts (schema_utils.cc, GetBuiltinCode).
        code=int(max(code.builtinCode, code.deprecatedBuiltinCode)),
        inputs=_ints(operator.inputs),
        outputs=_ints(operator.outputs),
        custom_code=None if custom is None else custom.decode(),
        options=_union(operator.builtinOptionsType, operator.builtinOptions),
        options_2=_union(operator.builtinOptions2Type, operator.builtinOptions2),
        custom_options=None if options is None else np.asarray(options, np.uint8).tobytes(),
        intermediates=_ints(operator.intermediates),
    )


def _union(kind: int, options: Any) -> tuple[int, Any] | None:
    return None if options is None else (int(kind), options)


def _ints(values: Any) -> tuple[int, ...]:
    return () if values is None else tuple(np.asarray(values).tolist())
