"""The float forward pass in TensorFlow: what a network computes while it is trained.

A plain function over the same layer descriptions that lowering writes, so there is no second
description of a network to keep in step.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.graph import (
    EPSILON,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Network,
    Pool2D,
    Shape,
    WeightLayer,
    Weights,
    output_shape,
)
from autotiny.tensorflow_setup import prepare_tensorflow

#: The first layer's windows are cut out in advance if all of them take no more than this.
_WINDOWS_MAX_BYTES = 256 * 1024**2
_INFERENCE_BATCH = 512


def logits(network: Network, weights: Weights, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the float model's outputs before softmax, ``(n, classes)``."""
    tf = prepare_tensorflow(0)
    tensors = {name: tf.constant(array) for name, array in weights.items()}
    run = tf.function(lambda batch: forward(network, tensors, batch)[0], reduce_retracing=True)
    return in_batches(run, x)


def in_batches(run: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``run`` of all samples, never more at once than memory takes lightly."""
    parts = [run(x[i : i + _INFERENCE_BATCH]).numpy() for i in range(0, len(x), _INFERENCE_BATCH)]
    return np.concatenate(parts).astype(np.float32)


def forward(
    network: Network,
    tensors: Mapping[str, Any],
    x: Any,
    *,
    training: bool = False,
    cut_out: bool = False,
) -> tuple[Any, dict[str, Any]]:
    """Run a batch and return its outputs and the batch statistics of batch norm.

    Args:
        network: Layers in order.
        tensors: TensorFlow tensors by the names of ``Weights``.
        x: Batch, ``(n, *input_shape)``.
        training: Normalise by the batch's own mean and variance.
        cut_out: The batch is the first layer's windows, from ``windows``, not samples.
    """
    import tensorflow as tf

    statistics: dict[str, Any] = {}
    for layer in network.layers:
        if isinstance(layer, Pool2D):
            size = layer.size or (x.shape[1], x.shape[2])
            pool = tf.nn.max_pool2d if layer.kind == "max" else tf.nn.avg_pool2d
            x = pool(x, size, layer.stride or size, layer.padding.upper())
            continue
        kernel = tensors[f"{layer.name}/kernel"]
        if cut_out and layer is network.layers[0]:
            x = tf.tensordot(x, tf.reshape(kernel, (-1, kernel.shape[-1])), 1)
        else:
            x = _linear(tf, layer, kernel, x)
        if layer.batch_norm:
            x = _normalise(tf, layer.name, tensors, x, training, statistics)
        else:
            x = x + tensors[f"{layer.name}/bias"]
        if layer.activation != "linear":
            x = tf.nn.relu(x) if layer.activation == "relu" else tf.nn.relu6(x)
    return x, statistics


def windows(tf: Any, network: Network, x: NDArray[np.float32]) -> Any:
    """Return every window that the first convolution sees, or None where that is not worth it.

    They are the same in every epoch and need no gradient, so cutting them out once turns that
    layer into a matrix product. Shape ``(n, height, width, window size)``.
    """
    first = network.layers[0]
    if not isinstance(first, Conv2D) or first.stride[0] != first.stride[1]:
        return None
    plane = output_shape(first, x.shape[1:])[:2]
    size = first.kernel[0] * first.kernel[1] * x.shape[-1]
    if len(x) * plane[0] * plane[1] * size * x.itemsize > _WINDOWS_MAX_BYTES:
        return None
    window, stride = (1, *first.kernel, 1), (1, *first.stride, 1)
    cut = tf.image.extract_patches(x, window, stride, (1, 1, 1, 1), first.padding.upper())
    return tf.reshape(cut, (len(x), *plane, size))


def _linear(tf: Any, layer: WeightLayer, kernel: Any, x: Any) -> Any:
    if isinstance(layer, Dense):
        return tf.matmul(tf.reshape(x, (-1, kernel.shape[0])), kernel)
    stride, padding = layer.stride, layer.padding.upper()
    plane = output_shape(layer, x.shape[1:])[:2]
    if isinstance(layer, DepthwiseConv2D) and stride[0] != stride[1]:
        return _unequal_depthwise(tf, layer, plane, kernel, x)
    if stride[0] != stride[1] and 1 in plane:
        # TensorFlow's convolution gives wrong sums there (LiteRT and TFLM agree with the sum by
        # hand). Over a single position a stride means nothing, so let it be the other one.
        x, padding = _only_what_is_read(tf, layer, plane, x), "VALID"
        stride = (stride[int(plane[0] == 1)],) * 2
    if isinstance(layer, Conv2D):
        return tf.nn.conv2d(x, kernel, stride, padding)
    return tf.nn.depthwise_conv2d(x, kernel, (1, *stride, 1), padding)


def _unequal_depthwise(tf: Any, layer: DepthwiseConv2D, plane: Shape, kernel: Any, x: Any) -> Any:
    """Stride a stride-1 result, after padding by hand.

    TensorFlow's depthwise kernel takes equal strides only, and a grouped convolution has a gradient
    only in the oneDNN kernels, which TensorFlow switches on for some processors.
    """
    x = _only_what_is_read(tf, layer, plane, x)
    full = tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "VALID")
    return full[:, :: layer.stride[0], :: layer.stride[1]]


def _only_what_is_read(tf: Any, layer: Conv2D | DepthwiseConv2D, plane: Shape, x: Any) -> Any:
    """Return a batch padded and cropped so that windows without padding give ``plane``."""
    around, used = [(0, 0)], []
    for size, window, stride, count in zip(
        x.shape[1:3], layer.kernel, layer.stride, plane, strict=True
    ):
        used.append((count - 1) * stride + window)
        missing = max(0, used[-1] - size)
        around.append((missing // 2, missing - missing // 2))
    return tf.pad(x, [*around, (0, 0)])[:, : used[0], : used[1]]


def _normalise(
    tf: Any,
    name: str,
    tensors: Mapping[str, Any],
    x: Any,
    training: bool,
    statistics: dict[str, Any],
) -> Any:
    mean, variance = tensors[f"{name}/mean"], tensors[f"{name}/variance"]
    if training:
        mean, variance = tf.nn.moments(x, axes=list(range(len(x.shape) - 1)))
        statistics[f"{name}/mean"], statistics[f"{name}/variance"] = mean, variance
    scale = tensors[f"{name}/gamma"] * tf.math.rsqrt(variance + EPSILON)
    return x * scale + (tensors[f"{name}/beta"] - mean * scale)
