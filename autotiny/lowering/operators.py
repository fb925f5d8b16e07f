"""How each kind of layer is written as an operator of TFLite: one function and one row each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from autotiny.networks.graph import Weights
from autotiny.networks.layers import (
    Activation,
    Add,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    FusedActivation,
    Layer,
    Multiply,
    Padding,
    Pool2D,
    PRelu,
    Reshape,
    Shape,
    Softmax,
    Subtract,
    ZeroPad2D,
)

_CODES, _OPTIONS = schema.BuiltinOperator, schema.BuiltinOptions
_FUSED: Mapping[FusedActivation, int] = {
    "linear": schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu6": schema.ActivationFunctionType.RELU6,
}
_PADDINGS: Mapping[Padding, int] = {
    "same": schema.Padding.SAME,
    "valid": schema.Padding.VALID,
}
_FUNCTIONS: Mapping[str, int] = {
    "relu": _CODES.RELU,
    "relu6": _CODES.RELU6,
    "leaky_relu": _CODES.LEAKY_RELU,
    "hard_swish": _CODES.HARD_SWISH,
    "sigmoid": _CODES.LOGISTIC,
    "tanh": _CODES.TANH,
}


@dataclass(frozen=True)
class Constant:
    """A constant input of an operator.

    Attributes:
        kind: Its name behind the layer's.
        values: Float32 in TFLite's layout, or integers that stay as they are.
        role: How it is quantised: a kernel by its layer's precision, a bias by the scales of input
            and kernel, values by a scale of their own, integers not at all.
        axis: Where a kernel's output channels lie.
    """

    kind: str
    values: NDArray[Any]
    role: Literal["kernel", "bias", "values", "integers"]
    axis: int = 0


@dataclass(frozen=True)
class Operator:
    """An operator as TFLite has it.

    Attributes:
        code: ``schema.BuiltinOperator``.
        options: Type of the schema's union of options, and an object of it.
        constants: Its inputs behind the activations, in order.
    """

    code: int
    options: tuple[int, Any] | None = None
    constants: tuple[Constant, ...] = ()


def _kernel_and_bias(layer: Layer, weights: Weights, kernel: Constant) -> tuple[Constant, ...]:
    return kernel, Constant("bias", weights[f"{layer.name}/bias"], "bias")


def _conv2d(layer: Conv2D, before: Sequence[Shape], weights: Weights) -> Operator:
    options = schema.Conv2DOptionsT()
    _set_window(options, layer)
    # TFLite: (out, height, width, in)
    kernel = weights[f"{layer.name}/kernel"].transpose(3, 0, 1, 2)
    constants = _kernel_and_bias(layer, weights, Constant("kernel", kernel, "kernel"))
    return Operator(_CODES.CONV_2D, (_OPTIONS.Conv2DOptions, options), constants)


def _depthwise(layer: DepthwiseConv2D, before: Sequence[Shape], weights: Weights) -> Operator:
    options = schema.DepthwiseConv2DOptionsT()
    _set_window(options, layer)
    options.depthMultiplier = layer.multiplier
    # TFLite: (1, height, width, in * multiplier)
    kernel = weights[f"{layer.name}/kernel"]
    kernel = kernel.reshape(1, *kernel.shape[:2], -1)
    constants = _kernel_and_bias(layer, weights, Constant("kernel", kernel, "kernel", axis=3))
    return Operator(_CODES.DEPTHWISE_CONV_2D, (_OPTIONS.DepthwiseConv2DOptions, options), constants)


def _set_window(options: Any, layer: Conv2D | DepthwiseConv2D) -> None:
    options.fusedActivationFunction = _FUSED[layer.activation]
    options.padding = _PADDINGS[layer.padding]
    options.strideH, options.strideW = layer.stride
    options.dilationHFactor, options.dilationWFactor = layer.dilation


def _dense(layer: Dense, before: Sequence[Shape], weights: Weights) -> Operator:
    """A dense layer takes the feature map as it is: FULLY_CONNECTED flattens by itself.

    That saves RESHAPE: its code, tensors and arena.
    """
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = _FUSED[layer.activation]
    kernel = weights[f"{layer.name}/kernel"].T  # TFLite: (out, in)
    constants = _kernel_and_bias(layer, weights, Constant("kernel", kernel, "kernel"))
    return Operator(_CODES.FULLY_CONNECTED, (_OPTIONS.FullyConnectedOptions, options), constants)


def _pool2d(layer: Pool2D, before: Sequence[Shape], weights: Weights) -> Operator:
    options = schema.Pool2DOptionsT()
    size, stride = layer.window(before[0])
    options.filterHeight, options.filterWidth = size
    options.strideH, options.strideW = stride
    options.padding = _PADDINGS[layer.padding]
    options.fusedActivationFunction = schema.ActivationFunctionType.NONE
    code = {"max": _CODES.MAX_POOL_2D, "average": _CODES.AVERAGE_POOL_2D}[layer.kind]
    return Operator(code, (_OPTIONS.Pool2DOptions, options))


def _add(layer: Add, before: Sequence[Shape], weights: Weights) -> Operator:
    options = schema.AddOptionsT()
    options.fusedActivationFunction = _FUSED[layer.activation]
    return Operator(_CODES.ADD, (_OPTIONS.AddOptions, options))


def _subtract(layer: Subtract, before: Sequence[Shape], weights: Weights) -> Operator:
    options = schema.SubOptionsT()
    options.fusedActivationFunction = _FUSED[layer.activation]
    return Operator(_CODES.SUB, (_OPTIONS.SubOptions, options))


def _multiply(layer: Multiply, before: Sequence[Shape], weights: Weights) -> Operator:
    options = schema.MulOptionsT()
    options.fusedActivationFunction = _FUSED[layer.activation]
    return Operator(_CODES.MUL, (_OPTIONS.MulOptions, options))


def _concatenate(layer: Concatenate, before: Sequence[Shape], weights: Weights) -> Operator:
    options = schema.ConcatenationOptionsT()
    options.axis = len(before[0])  # the last, behind batch
    options.fusedActivationFunction = schema.ActivationFunctionType.NONE
    return Operator(_CODES.CONCATENATION, (_OPTIONS.ConcatenationOptions, options))


def _zero_pad2d(layer: ZeroPad2D, before: Sequence[Shape], weights: Weights) -> Operator:
    around = np.array([(0, 0), layer.height, layer.width, (0, 0)], np.int32)
    constants = (Constant("paddings", around, "integers"),)
    return Operator(_CODES.PAD, (_OPTIONS.PadOptions, schema.PadOptionsT()), constants)


def _activation(layer: Activation, before: Sequence[Shape], weights: Weights) -> Operator:
    options: tuple[int, Any] | None = None
    if layer.function == "leaky_relu":
        leaky = schema.LeakyReluOptionsT()
        leaky.alpha = layer.slope
        options = (_OPTIONS.LeakyReluOptions, leaky)
    return Operator(_FUNCTIONS[layer.function], options)


def _prelu(layer: PRelu, before: Sequence[Shape], weights: Weights) -> Operator:
    alpha = weights[f"{layer.name}/alpha"]
    if layer.shared:
        alpha = alpha.reshape(*(1 for _ in before[0][1:]), -1)
    return Operator(_CODES.PRELU, None, (Constant("alpha", alpha, "values"),))


def _reshape(layer: Reshape | Flatten, before: Sequence[Shape], weights: Weights) -> Operator:
    options = schema.ReshapeOptionsT()
    options.newShape = [-1, *layer.output_shape(*before)]  # any batch
    constants = (Constant("shape", np.array(options.newShape, np.int32), "integers"),)
    return Operator(_CODES.RESHAPE, (_OPTIONS.ReshapeOptions, options), constants)


def _softmax(layer: Softmax, before: Sequence[Shape], weights: Weights) -> Operator:
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    return Operator(_CODES.SOFTMAX, (_OPTIONS.SoftmaxOptions, options))


#: Kind of layer to how it is written; the conformance suite finds one that is missing.
WRITERS: dict[type[Layer], Callable[[Any, Sequence[Shape], Weights], Operator]] = {
    Conv2D: _conv2d,
    DepthwiseConv2D: _depthwise,
    Dense: _dense,
    Pool2D: _pool2d,
    Add: _add,
    Subtract: _subtract,
    Multiply: _multiply,
    Concatenate: _concatenate,
    ZeroPad2D: _zero_pad2d,
    Activation: _activation,
    PRelu: _prelu,
    Reshape: _reshape,
    Flatten: _reshape,
    Softmax: _softmax,
}


def operator_of(layer: Layer, before: Sequence[Shape], weights: Weights) -> Operator:
    """Return the operator of a layer.

    Args:
        layer: Without batch norm.
        before: Shapes of its inputs, without batch.
        weights: Of the network, batch norm folded.
    """
    return WRITERS[type(layer)](layer, before, weights)
