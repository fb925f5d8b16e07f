"""TFLM asked what operators of one input make of every int8 value."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from autotiny.runtimes.c.fixed_point import scale_and_zero_point
from autotiny.tflite.model import Operator, Tensor


def outputs_of_all_inputs(
    operators: Sequence[Operator], source: Tensor, sink: Tensor
) -> NDArray[np.int8]:
    """Return the outputs for -128 to 127, as TFLM's own kernels give them.

    A model of these operators alone is run, so that no rule of a kernel is written down twice.

    Args:
        operators: One behind the other, with float values between them.
        source: What the first one reads.
        sink: What the last one writes.
    """
    from autotiny.runtimes.tflm.interpreter import outputs

    model = _model(operators, source, sink)
    inputs = np.arange(-128, 128, dtype=np.int8).reshape(1, 256)
    return outputs(model, inputs, trusted=True).reshape(-1).astype(np.int8)


def _model(operators: Sequence[Operator], source: Tensor, sink: Tensor) -> bytes:
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    model.operatorCodes = [_code(operator) for operator in operators]
    between = [_tensor(None) for _ in operators[1:]]
    graph.tensors = [_tensor(source), *between, _tensor(sink)]
    graph.operators = [_operator(place, operator) for place, operator in enumerate(operators)]
    graph.inputs, graph.outputs = [0], [len(operators)]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _code(operator: Operator) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator.name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = operator.version
    return code


def _operator(place: int, operator: Operator) -> Any:
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = place, [place], [place + 1]
    options = _options(operator)
    if options is not None:
        made.builtinOptionsType, made.builtinOptions = options
    return made


def _tensor(tensor: Tensor | None) -> Any:
    """Return an int8 tensor of 256 values under another one's scale; without one, of floats."""
    made = schema.TensorT()
    made.shape, made.buffer = [1, 256], 0
    if tensor is None:
        made.type = schema.TensorType.FLOAT32
        return made
    parameters = schema.QuantizationParametersT()
    scale, zero_point = scale_and_zero_point(tensor)
    made.type = schema.TensorType.INT8
    parameters.scale, parameters.zeroPoint = [scale], [zero_point]
    made.quantization = parameters
    return made


def _options(operator: Operator) -> tuple[int, Any] | None:
    if operator.name != "LEAKY_RELU":
        return None
    options = schema.LeakyReluOptionsT()
    options.alpha = float(operator.options.get("alpha", 0.0))
    return schema.BuiltinOptions.LeakyReluOptions, options
