"""TFLM asked what an operator of one input makes of every int8 value."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from autotiny.runtimes.c.fixed_point import scale_and_zero_point
from autotiny.tflite.model import Operator, Tensor


def outputs_of_all_inputs(operator: Operator, source: Tensor, sink: Tensor) -> NDArray[np.int8]:
    """Return the outputs for -128 to 127, as TFLM's own kernel gives them.

    A model of this one operator is run, so that no rule of a kernel is written down twice.
    """
    from autotiny.runtimes.tflm.interpreter import outputs

    model = _model(operator, source, sink)
    inputs = np.arange(-128, 128, dtype=np.int8).reshape(1, 256)
    return outputs(model, inputs, trusted=True).reshape(-1).astype(np.int8)


def _model(operator: Operator, source: Tensor, sink: Tensor) -> bytes:
    model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    code.builtinCode = getattr(schema.BuiltinOperator, operator.name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = operator.version
    model.operatorCodes = [code]
    graph.tensors = [_tensor(source), _tensor(sink)]
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = 0, [0], [1]
    options = _options(operator)
    if options is not None:
        made.builtinOptionsType, made.builtinOptions = options
    graph.operators, graph.inputs, graph.outputs = [made], [0], [1]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _tensor(tensor: Tensor) -> Any:
    made, parameters = schema.TensorT(), schema.QuantizationParametersT()
    scale, zero_point = scale_and_zero_point(tensor)
    made.shape, made.type, made.buffer = [1, 256], schema.TensorType.INT8, 0
    parameters.scale, parameters.zeroPoint = [scale], [zero_point]
    made.quantization = parameters
    return made


def _options(operator: Operator) -> tuple[int, Any] | None:
    if operator.name != "LEAKY_RELU":
        return None
    options = schema.LeakyReluOptionsT()
    options.alpha = float(operator.options.get("alpha", 0.0))
    return schema.BuiltinOptions.LeakyReluOptions, options
