"""From a quantised .tflite to one that computes in floats, its weights stored in another form.

For Linux boards, whose runtime has float and hybrid kernels. Activations become float32 and
operators that only changed their integers are left out; biases and slopes become float32. The
weights are those that the integers stand for: what was rounded, pruned or put on few levels stays.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from autotiny.errors import UnsupportedModelError
from autotiny.lowering._builder import Builder
from autotiny.lowering.weight_forms import Kernel, StoredKernel, WeightForm
from autotiny.tflite.reader import read_model

_CODES, _TYPES = schema.BuiltinOperator, schema.TensorType
_INTEGERS: Mapping[int, Any] = {
    _TYPES.INT8: np.int8,
    _TYPES.INT16: np.int16,
    _TYPES.INT32: np.int32,
    _TYPES.INT64: np.int64,
}
#: Operators with a kernel: where its output channels lie, and whether every runtime takes a scale
#: for each; the version that says that it is int8 beside floats.
_WEIGHTED: Mapping[int, tuple[int, bool, int]] = {
    _CODES.CONV_2D: (0, True, 5),
    _CODES.DEPTHWISE_CONV_2D: (3, True, 6),
    _CODES.FULLY_CONNECTED: (0, False, 9),
}
#: Versions of DEQUANTIZE by what it takes: float16, int8 with one scale, int8 with several.
_HALF, _WHOLE, _EACH = 3, 2, 5


def as_float(model: bytes, form: WeightForm | None = None) -> bytes:
    """Return a quantised .tflite as one that takes, computes and gives float32.

    Args:
        model: Full int8 .tflite, as ``lower`` writes it; batch 1.
        form: How kernels are stored; float32 by default.

    Raises:
        InputError: If it is not a valid .tflite.
        UnsupportedModelError: If it holds a kernel whose zero is not the integer 0.
    """
    read_model(model)  # what follows trusts every offset
    return _FloatWriter(model, form).write()


class _FloatWriter:
    def __init__(self, model: bytes, form: WeightForm | None) -> None:
        content = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
        self._form, self._graph, self._buffers = form, content.subgraphs[0], content.buffers
        self._codes = [code.builtinCode for code in content.operatorCodes]
        self._builder = Builder()
        self._tensors: dict[int, int] = {}

    def write(self) -> bytes:
        graph, inputs = self._graph, []
        for index in graph.inputs:
            inputs.append(self._activation(index))
        for operator in graph.operators:
            code = self._codes[operator.opcodeIndex]
            sources, output = [int(i) for i in operator.inputs], int(operator.outputs[0])
            if code == _CODES.QUANTIZE:  # the same values under another scale
                self._tensors[output] = self._tensors[sources[0]]
                continue
            version = 1
            if code in _WEIGHTED:
                version = self._kernel(operator, code, sources[1])
            tensors = [self._tensor(index) for index in sources]
            options = (operator.builtinOptionsType, operator.builtinOptions)
            target = self._activation(output)
            self._builder.add_operator(code, tensors, target, options, version=version)
        return self._builder.finish(inputs, [self._tensors[int(i)] for i in graph.outputs])

    def _activation(self, index: int) -> int:
        tensor = self._graph.tensors[index]
        self._tensors[index] = self._builder.add_tensor(_name(tensor), tensor.shape)
        return self._tensors[index]

    def _tensor(self, index: int) -> int:
        """Return an operator's input; a constant that is not a kernel is added in float32."""
        if index < 0:
            return index
        if index not in self._tensors:
            tensor, data = self._graph.tensors[index], self._constant(index)
            if (scales := _scales(tensor)) is not None:
                data = _real(data, scales, tensor.quantization.quantizedDimension)
            self._tensors[index] = self._builder.add_tensor(_name(tensor), data.shape, data)
        return self._tensors[index]

    def _kernel(self, operator: Any, code: int, index: int) -> int:
        """Add an operator's kernel and return the operator's version."""
        axis, per_channel, hybrid = _WEIGHTED[code]
        tensor = self._graph.tensors[index]
        scales = _scales(tensor)
        zero = tensor.quantization.zeroPoint if scales is not None else None
        if scales is None or (zero is not None and np.any(zero)):
            raise UnsupportedModelError(
                f"A kernel must be quantised with its zero at the integer 0; {_name(tensor)!r} is "
                "not."
            )
        kernel = Kernel(self._constant(index), scales, axis, per_channel)
        form = self._form
        stored = StoredKernel(kernel.values) if form is None else form.stored(kernel)
        if index not in self._tensors:
            self._tensors[index] = self._stored(_name(tensor), stored)
        if stored.hybrid and code == _CODES.FULLY_CONNECTED:
            operator.builtinOptions.asymmetricQuantizeInputs = True  # convolutions always do
        return hybrid if stored.hybrid else 1

    def _stored(self, name: str, kernel: StoredKernel) -> int:
        shape, scales = kernel.data.shape, kernel.scales
        if not kernel.dequantised:
            return self._builder.add_tensor(name, shape, kernel.data, scales)
        source = self._builder.add_tensor(f"{name}/stored", shape, kernel.data, scales)
        target = self._builder.add_tensor(name, shape)
        version = _HALF if scales is None else _WHOLE if len(scales.scales) == 1 else _EACH
        options = (schema.BuiltinOptions.DequantizeOptions, schema.DequantizeOptionsT())
        code = _CODES.DEQUANTIZE
        self._builder.add_operator(code, [source], target, options, version=version)
        return target

    def _constant(self, index: int) -> NDArray[Any]:
        """Return a constant's integers, or its floats, in its shape."""
        tensor = self._graph.tensors[index]
        data = np.asarray(self._buffers[tensor.buffer].data, np.uint8)
        shape = tuple(int(side) for side in tensor.shape)
        if tensor.type == _TYPES.INT4:
            return _unpacked(data, int(np.prod(shape))).reshape(shape)
        kind = _INTEGERS.get(tensor.type, np.float32)
        return np.frombuffer(data.tobytes(), kind).reshape(shape)


def _name(tensor: Any) -> str:
    return str(tensor.name.decode() if isinstance(tensor.name, bytes) else tensor.name)


def _scales(tensor: Any) -> NDArray[np.float32] | None:
    """Return a tensor's scales; None if it is not quantised."""
    found = tensor.quantization.scale if tensor.quantization is not None else None
    return None if found is None or not len(found) else np.asarray(found, np.float32)


def _real(data: NDArray[Any], scales: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return what integers stand for, their zero at 0, in float32."""
    shape = [1] * data.ndim
    shape[axis] = -1
    wide = data.astype(np.float64) * scales.astype(np.float64).reshape(shape)
    return wide.astype(np.float32)


def _unpacked(data: NDArray[np.uint8], count: int) -> NDArray[np.int8]:
    """Return 4-bit values that lie two to a byte, the first in the low half."""
    halves = np.stack([data & 15, data >> 4], axis=1).ravel()[:count].astype(np.int8)
    return np.asarray(np.where(halves > 7, halves - 16, halves), np.int8)
