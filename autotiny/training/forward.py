"""The float forward pass in TensorFlow: what a network computes while it is trained.

A plain function over the same layer descriptions that lowering writes, so there is no second
description of a network to keep in step. What each kind of layer computes is in ``operators``.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.layers import Conv2D, Layer
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.training.operators import Pass, compute

#: The first layer's windows are cut out in advance if all of them take no more than this.
_WINDOWS_MAX_BYTES = 256 * 1024**2
_INFERENCE_BATCH = 512


def logits(network: Network, weights: Weights, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the float model's outputs, ``(n, outputs)``."""
    tf = prepare_tensorflow(0)
    tensors = {name: tf.constant(array) for name, array in weights.items()}
    run = tf.function(lambda batch: forward(network, tensors, batch)[0], reduce_retracing=True)
    return in_batches(run, x)


def features(
    network: Network, weights: Weights, layer: str, x: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return a layer's outputs, ``(n, …, channels)``."""
    tf = prepare_tensorflow(0)
    tensors = {name: tf.constant(array) for name, array in weights.items()}

    def run(batch: Any) -> Any:
        seen = []

        def keep(node: Layer, value: Any) -> Any:
            if node.name == layer:
                seen.append(value)
            return value

        forward(network, tensors, batch, hook=keep)
        return seen[0]

    return in_batches(tf.function(run, reduce_retracing=True), x)


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
    hook: Callable[[Layer, Any], Any] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """Run a batch; return its outputs, ``(n, outputs)``, and the batch statistics of batch norm.

    Args:
        network: The network.
        tensors: TensorFlow tensors by the names of ``Weights``.
        x: Batch, ``(n, *input_shape)``.
        training: Normalise by the batch's own mean and variance.
        cut_out: The batch is the first layer's windows, from ``windows``, not samples.
        hook: Is given every layer with its output, and gives what the layers behind it read.
    """
    import tensorflow as tf

    this = Pass(tf, tensors, training)
    values = {INPUT: x}
    last_use = {name: layer.name for layer in network.layers for name in layer.inputs}
    for layer in network.layers:
        inputs = [values[name] for name in layer.inputs]
        windowed = cut_out and layer is network.layers[0]
        value = compute(this, layer, inputs, windowed=windowed)
        values[layer.name] = value if hook is None else hook(layer, value)
        for name in set(layer.inputs):  # nothing outlives its last reader
            if last_use[name] == layer.name:
                del values[name]
    output = values[network.output]
    if len(output.shape) > 2:
        output = tf.reshape(output, (-1, int(np.prod(network.output_shape))))
    return output, this.statistics


def windows(tf: Any, network: Network, x: NDArray[np.float32]) -> Any:
    """Return every window that the first convolution sees, or None where that is not worth it.

    They are the same in every epoch and need no gradient, so cutting them out once turns that
    layer into a matrix product. Shape ``(n, height, width, window size)``.
    """
    first = network.layers[0]
    if (
        not isinstance(first, Conv2D)
        or first.stride[0] != first.stride[1]
        or (first.dilation, first.groups) != ((1, 1), 1)
        or len(network.consumers[INPUT]) > 1
    ):
        return None
    plane = first.output_shape(x.shape[1:])[:2]
    size = first.kernel[0] * first.kernel[1] * x.shape[-1]
    if len(x) * plane[0] * plane[1] * size * x.itemsize > _WINDOWS_MAX_BYTES:
        return None
    window, stride = (1, *first.kernel, 1), (1, *first.stride, 1)
    cut = tf.image.extract_patches(x, window, stride, (1, 1, 1, 1), first.padding.upper())
    return tf.reshape(cut, (len(x), *plane, size))
