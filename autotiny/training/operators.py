"""What each kind of layer computes in TensorFlow: one function and one row each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autotiny.networks.batch_norm import EPSILON
from autotiny.networks.layers import (
    ActivatedLayer,
    Activation,
    Add,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Layer,
    Multiply,
    Pool2D,
    PRelu,
    Reshape,
    Shape,
    Softmax,
    Subtract,
    WeightLayer,
    ZeroPad2D,
)


@dataclass(frozen=True)
class Pass:
    """One forward pass.

    Attributes:
        tf: TensorFlow.
        tensors: Arrays of the network by the names of ``Weights``.
        training: Normalise by the batch's own mean and variance.
        statistics: Filled with those, by the names of the arrays that they update.
    """

    tf: Any
    tensors: Mapping[str, Any]
    training: bool = False
    statistics: dict[str, Any] = field(default_factory=dict)


def compute(this: Pass, layer: Layer, inputs: Sequence[Any], *, windowed: bool = False) -> Any:
    """Return a layer's output for a batch.

    Args:
        this: The pass.
        layer: The layer.
        inputs: What it reads, batches.
        windowed: The input is windows cut out for a convolution, not samples.
    """
    if windowed:
        kernel = this.tensors[f"{layer.name}/kernel"]
        flat = this.tf.reshape(kernel, (-1, kernel.shape[-1]))
        value = this.tf.tensordot(inputs[0], flat, 1)
    else:
        value = OPERATORS[type(layer)](this, layer, *inputs)
    if isinstance(layer, WeightLayer):
        value = _shifted(this, layer, value)
    if isinstance(layer, ActivatedLayer) and layer.activation != "linear":
        value = this.tf.nn.relu(value) if layer.activation == "relu" else this.tf.nn.relu6(value)
    return value


def _shifted(this: Pass, layer: WeightLayer, x: Any) -> Any:
    """Add the bias, or normalise."""
    tensors, name = this.tensors, layer.name
    if not layer.batch_norm:
        return x + tensors[f"{name}/bias"]
    mean, variance = tensors[f"{name}/mean"], tensors[f"{name}/variance"]
    if this.training:
        mean, variance = this.tf.nn.moments(x, axes=list(range(len(x.shape) - 1)))
        this.statistics[f"{name}/mean"] = mean
        this.statistics[f"{name}/variance"] = variance
    scale = tensors[f"{name}/gamma"] * this.tf.math.rsqrt(variance + EPSILON)
    return x * scale + (tensors[f"{name}/beta"] - mean * scale)


def _dense(this: Pass, layer: Dense, x: Any) -> Any:
    kernel = this.tensors[f"{layer.name}/kernel"]
    return this.tf.matmul(this.tf.reshape(x, (-1, kernel.shape[0])), kernel)


def _conv2d(this: Pass, layer: Conv2D, x: Any) -> Any:
    tf, kernel = this.tf, this.tensors[f"{layer.name}/kernel"]
    x, stride, padding = _sound_window(tf, layer, x)

    def convolve(part: Any, filters: Any) -> Any:
        return tf.nn.conv2d(part, filters, stride, padding, dilations=layer.dilation)

    if layer.groups == 1:
        return convolve(x, kernel)
    # The gradient of a grouped convolution exists in oneDNN's kernels only, which TensorFlow
    # switches on for some processors.
    parts = zip(tf.split(x, layer.groups, -1), tf.split(kernel, layer.groups, -1), strict=True)
    return tf.concat([convolve(*part) for part in parts], -1)


def _depthwise(this: Pass, layer: DepthwiseConv2D, x: Any) -> Any:
    tf, kernel = this.tf, this.tensors[f"{layer.name}/kernel"]
    if layer.kernel == layer.stride == (1, 1):
        # A factor for each channel; oneDNN's kernel was seen to fail on planes of one point.
        scaled = x[..., None] * kernel[0, 0]
        return tf.reshape(scaled, (-1, *x.shape[1:3], kernel.shape[2] * kernel.shape[3]))
    unequal = layer.stride[0] != layer.stride[1]
    if unequal or (layer.dilation != (1, 1) and layer.stride != (1, 1)):
        # TensorFlow's depthwise kernel takes equal strides only, and none with dilation: stride a
        # stride-1 result, after padding by hand.
        plane = layer.output_shape(tuple(x.shape[1:]))[:2]
        x = _only_what_is_read(tf, layer, plane, x)
        full = tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "VALID", dilations=layer.dilation)
        return full[:, :: layer.stride[0], :: layer.stride[1]]
    stride, padding = (1, *layer.stride, 1), layer.padding.upper()
    return tf.nn.depthwise_conv2d(x, kernel, stride, padding, dilations=layer.dilation)


def _sound_window(tf: Any, layer: Conv2D, x: Any) -> tuple[Any, tuple[int, int], str]:
    """Return input, stride and padding of a convolution that TensorFlow computes rightly."""
    plane = layer.output_shape(tuple(x.shape[1:]))[:2]
    stride, padding = layer.stride, layer.padding.upper()
    if layer.dilation != (1, 1) and stride != (1, 1):
        return _only_what_is_read(tf, layer, plane, x), stride, "VALID"
    if stride[0] != stride[1] and 1 in plane:
        # TensorFlow's convolution gives wrong sums there (LiteRT and TFLM agree with the sum by
        # hand). Over a single position a stride means nothing, so let it be the other one.
        return _only_what_is_read(tf, layer, plane, x), (stride[int(plane[0] == 1)],) * 2, "VALID"
    return x, stride, padding


def _only_what_is_read(tf: Any, layer: Conv2D | DepthwiseConv2D, plane: Shape, x: Any) -> Any:
    """Return a batch padded and cropped so that windows without padding give ``plane``."""
    around, used = [(0, 0)], []
    for size, window, stride, count in zip(
        x.shape[1:3], layer.window, layer.stride, plane, strict=True
    ):
        used.append((count - 1) * stride + window)
        missing = max(0, used[-1] - size)
        around.append((missing // 2, missing - missing // 2))
    return tf.pad(x, [*around, (0, 0)])[:, : used[0], : used[1]]


def _pool2d(this: Pass, layer: Pool2D, x: Any) -> Any:
    size, stride = layer.window(tuple(x.shape[1:]))
    pool = this.tf.nn.max_pool2d if layer.kind == "max" else this.tf.nn.avg_pool2d
    return pool(x, size, stride, layer.padding.upper())


def _zero_pad2d(this: Pass, layer: ZeroPad2D, x: Any) -> Any:
    return this.tf.pad(x, [(0, 0), layer.height, layer.width, (0, 0)])


def _activation(this: Pass, layer: Activation, x: Any) -> Any:
    nn = this.tf.nn
    functions: dict[str, Callable[[Any], Any]] = {
        "relu": nn.relu,
        "relu6": nn.relu6,
        "leaky_relu": lambda value: nn.leaky_relu(value, layer.slope),
        "hard_swish": lambda value: value * nn.relu6(value + 3) / 6,
        "sigmoid": nn.sigmoid,
        "tanh": nn.tanh,
    }
    return functions[layer.function](x)


def _prelu(this: Pass, layer: PRelu, x: Any) -> Any:
    negative = this.tf.minimum(x, 0.0)
    return this.tf.nn.relu(x) + this.tensors[f"{layer.name}/alpha"] * negative


#: Kind of layer to what it computes; the conformance suite finds one that is missing.
OPERATORS: dict[type[Layer], Callable[..., Any]] = {
    Conv2D: _conv2d,
    DepthwiseConv2D: _depthwise,
    Dense: _dense,
    Pool2D: _pool2d,
    Add: lambda this, layer, a, b: a + b,
    Subtract: lambda this, layer, a, b: a - b,
    Multiply: lambda this, layer, a, b: a * b,
    Concatenate: lambda this, layer, *inputs: this.tf.concat(inputs, -1),
    ZeroPad2D: _zero_pad2d,
    Activation: _activation,
    PRelu: _prelu,
    Reshape: lambda this, layer, x: this.tf.reshape(x, (-1, *layer.shape)),
    Flatten: lambda this, layer, x: this.tf.reshape(x, (x.shape[0] or -1, _size(x))),
    Softmax: lambda this, layer, x: this.tf.nn.softmax(x),
}


def _size(x: Any) -> int:
    size = 1
    for side in x.shape[1:]:
        size *= int(side)
    return size
