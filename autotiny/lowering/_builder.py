"""A .tflite with names and a signature, tensor by tensor and operator by operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from autotiny.networks.layers import Shape

#: What a constant of each NumPy type is stored as.
_TYPES: dict[str, int] = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int8": schema.TensorType.INT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
}


@dataclass(frozen=True)
class Scales:
    """How a tensor's integers stand for real numbers.

    Attributes:
        scales: One for all or one for each slice along ``axis``.
        zero_point: The integer that stands for 0.
        bits: Of an integer: 4, 8, 16, 32 or 64.
        axis: Where the slices of several scales lie.
    """

    scales: tuple[float, ...]
    zero_point: int = 0
    bits: int = 8
    axis: int = 0


class Builder:
    """Collects tensors and operators of one subgraph in the schema's object form."""

    def __init__(self) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.operatorCodes, self._model.buffers = [], [schema.BufferT()]
        self._subgraph = schema.SubGraphT()
        self._subgraph.name = "main"
        self._subgraph.tensors, self._subgraph.operators = [], []
        self._model.subgraphs = [self._subgraph]
        self._codes: dict[tuple[int, int], int] = {}

    def add_tensor(
        self,
        name: str,
        shape: Sequence[int],
        data: NDArray[Any] | None = None,
        scales: Scales | None = None,
    ) -> int:
        """Add a tensor and return its index.

        Args:
            name: Of the tensor.
            shape: With batch.
            data: A constant's values; 4-bit ones as int8.
            scales: If it is quantised.
        """
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), 0
        tensor.quantization = schema.QuantizationParametersT()
        tensor.type = schema.TensorType.FLOAT32 if data is None else _TYPES[data.dtype.name]
        if scales is not None:
            tensor.type = (
                schema.TensorType.INT4 if scales.bits == 4 else _TYPES[f"int{scales.bits}"]
            )
            tensor.quantization.scale = np.array(scales.scales, np.float32)
            tensor.quantization.zeroPoint = np.full(len(scales.scales), scales.zero_point, np.int64)
            tensor.quantization.quantizedDimension = scales.axis
        if data is not None:
            if scales is not None and scales.bits == 4:
                data = _packed(data)
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self._model.buffers.append(buffer)
            tensor.buffer = len(self._model.buffers) - 1
        self._subgraph.tensors.append(tensor)
        return len(self._subgraph.tensors) - 1

    def add_operator(
        self,
        builtin: int,
        inputs: Sequence[int],
        output: int,
        options: tuple[int, Any] | None,
        *,
        version: int = 1,
    ) -> None:
        """Add an operator.

        Args:
            builtin: ``schema.BuiltinOperator``.
            inputs: Tensors that it takes.
            output: Tensor that it gives.
            options: A type of the schema's union and an object of it.
            version: Of the operator: what older runtimes do not have is of a later one.
        """
        key = (builtin, version)
        if key not in self._codes:
            code = schema.OperatorCodeT()
            # Readers older than 2020 look at the 8-bit field only.
            code.builtinCode, code.deprecatedBuiltinCode = builtin, min(builtin, 127)
            code.version = version
            self._model.operatorCodes.append(code)
            self._codes[key] = len(self._model.operatorCodes) - 1
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes[key]
        operator.inputs, operator.outputs = list(inputs), [output]
        if options is not None:
            operator.builtinOptionsType, operator.builtinOptions = options
        self._subgraph.operators.append(operator)

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """Return the file, with one signature, ``serving_default``."""
        self._subgraph.inputs, self._subgraph.outputs = list(inputs), list(outputs)
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs = [self._entry(index) for index in inputs]
        signature.outputs = [self._entry(index) for index in outputs]
        self._model.signatureDefs = [signature]
        return bytes(flatbuffer_utils.convert_object_to_bytearray(self._model))

    def _entry(self, index: int) -> Any:
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = self._subgraph.tensors[index].name, index
        return entry


def batched(shape: Shape, batch: int = 1) -> Shape:
    """Return a sample's shape with the batch dimension."""
    return (batch, *shape)


def _packed(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 4-bit values two to a byte, the first in the low half."""
    nibbles = values.ravel().view(np.uint8) & 15
    if len(nibbles) % 2:
        nibbles = np.append(nibbles, np.uint8(0))
    return np.asarray(nibbles[::2] | (nibbles[1::2] << 4), np.uint8)
