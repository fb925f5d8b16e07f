"""Write a float .tflite from layer shapes and weights.

Every tensor is named after its layer, so that a per-layer recipe can address it exactly. Dense
layers take the feature map as it is: FULLY_CONNECTED flattens its input by itself, which saves the
RESHAPE operator's code, tensors and arena.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from autotiny.networks.graph import (
    Activation,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Layer,
    Network,
    Padding,
    Pool2D,
    Shape,
    Weights,
    fold_batch_norm,
)

_ACTIVATIONS: dict[Activation, int] = {
    "linear": schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu6": schema.ActivationFunctionType.RELU6,
}
_PADDINGS: dict[Padding, int] = {"same": schema.Padding.SAME, "valid": schema.Padding.VALID}

#: Name of the input tensor; no layer may be called that.
INPUT = "input"


def write_float(
    network: Network, weights: Weights, *, batch: int = 1, all_outputs: bool = False
) -> bytes:
    """Return a float .tflite with one signature, ``serving_default``.

    Args:
        network: Layers in order.
        weights: Their arrays; batch norm is folded here.
        batch: Samples per inference.
        all_outputs: Make every layer's output an output of the graph, for calibration.
    """
    _, folded = fold_batch_norm(network, weights)
    graph = _Graph()
    source = graph.add_tensor(INPUT, (batch, *network.input_shape))
    current, produced = source, []
    for layer, _, after in network.walk():
        current = _add_layer(graph, layer, current, (batch, *after), folded)
        produced.append(current)
    return graph.finish([source], produced if all_outputs else [current])


def _add_layer(graph: "_Graph", layer: Layer, source: int, shape: Shape, folded: Weights) -> int:
    if isinstance(layer, Pool2D):
        return _add_pool(graph, layer, source, shape)
    kernel, bias = folded[f"{layer.name}/kernel"], folded[f"{layer.name}/bias"]
    if isinstance(layer, Conv2D):
        kernel = kernel.transpose(3, 0, 1, 2)  # TFLite: (out, height, width, in)
        code, kind = schema.BuiltinOperator.CONV_2D, schema.BuiltinOptions.Conv2DOptions
        options: Any = schema.Conv2DOptionsT()
    elif isinstance(layer, DepthwiseConv2D):
        kernel = kernel.transpose(3, 0, 1, 2)  # TFLite: (1, height, width, channels)
        code = schema.BuiltinOperator.DEPTHWISE_CONV_2D
        kind = schema.BuiltinOptions.DepthwiseConv2DOptions
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = 1
    else:
        kernel = kernel.T  # TFLite: (out, in)
        code = schema.BuiltinOperator.FULLY_CONNECTED
        kind, options = (
            schema.BuiltinOptions.FullyConnectedOptions,
            schema.FullyConnectedOptionsT(),
        )
    options.fusedActivationFunction = _ACTIVATIONS[layer.activation]
    if not isinstance(layer, Dense):
        options.padding = _PADDINGS[layer.padding]
        options.strideH, options.strideW = layer.stride
        options.dilationHFactor = options.dilationWFactor = 1
    inputs = [
        source,
        graph.add_tensor(f"{layer.name}/kernel", kernel.shape, kernel),
        graph.add_tensor(f"{layer.name}/bias", bias.shape, bias),
    ]
    output = graph.add_tensor(layer.name, shape)
    graph.add_operator(code, inputs, [output], kind, options)
    return output


def _add_pool(graph: "_Graph", layer: Pool2D, source: int, shape: Shape) -> int:
    options = schema.Pool2DOptionsT()
    plane = graph.shape(source)[1:3]
    options.filterHeight, options.filterWidth = layer.size or plane
    options.strideH, options.strideW = layer.stride or layer.size or plane
    options.padding = _PADDINGS[layer.padding]
    options.fusedActivationFunction = schema.ActivationFunctionType.NONE
    code = {
        "max": schema.BuiltinOperator.MAX_POOL_2D,
        "average": schema.BuiltinOperator.AVERAGE_POOL_2D,
    }[layer.kind]
    output = graph.add_tensor(layer.name, shape)
    graph.add_operator(code, [source], [output], schema.BuiltinOptions.Pool2DOptions, options)
    return output


class _Graph:
    """Collects tensors and operators of one subgraph in the schema's object form."""

    def __init__(self) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.operatorCodes, self._model.buffers = [], [schema.BufferT()]
        self._subgraph = schema.SubGraphT()
        self._subgraph.name = "main"
        self._subgraph.tensors, self._subgraph.operators = [], []
        self._model.subgraphs = [self._subgraph]
        self._codes: dict[int, int] = {}

    def shape(self, tensor: int) -> list[int]:
        return list(self._subgraph.tensors[tensor].shape)

    def add_tensor(self, name: str, shape: Shape, data: NDArray[np.float32] | None = None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), 0
        tensor.type = schema.TensorType.FLOAT32
        tensor.quantization = schema.QuantizationParametersT()
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data, np.float32).tobytes(), np.uint8)
            self._model.buffers.append(buffer)
            tensor.buffer = len(self._model.buffers) - 1
        self._subgraph.tensors.append(tensor)
        return len(self._subgraph.tensors) - 1

    def add_operator(
        self, builtin: int, inputs: list[int], outputs: list[int], kind: int, options: Any
    ) -> None:
        if builtin not in self._codes:
            code = schema.OperatorCodeT()
            # Readers older than 2020 look at the 8-bit field only.
            code.builtinCode, code.deprecatedBuiltinCode = builtin, min(builtin, 127)
            code.version = 1
            self._model.operatorCodes.append(code)
            self._codes[builtin] = len(self._model.operatorCodes) - 1
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes[builtin]
        operator.inputs, operator.outputs = inputs, outputs
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self._subgraph.operators.append(operator)

    def finish(self, inputs: list[int], outputs: list[int]) -> bytes:
        self._subgraph.inputs, self._subgraph.outputs = inputs, outputs
        signature = schema.SignatureDefT()  # ai-edge-quantizer addresses a model by signature
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs = [self._entry(index) for index in inputs]
        signature.outputs = [self._entry(index) for index in outputs]
        self._model.signatureDefs = [signature]
        return bytes(flatbuffer_utils.convert_object_to_bytearray(self._model))

    def _entry(self, index: int) -> Any:
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = self._subgraph.tensors[index].name, index
        return entry
