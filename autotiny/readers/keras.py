"""Keras models as networks of ours."""

from typing import Any

from autotiny.networks.graph import Network, Weights
from autotiny.networks.graph import chain as connected
from autotiny.readers._keras_graph import UnsupportedLayerError, chain, fixed_shape, unsupported
from autotiny.readers._keras_layers import IGNORED, Reader

__all__ = ["UnsupportedLayerError", "network_from_keras"]


def network_from_keras(model: Any) -> tuple[Network, Weights]:
    """Return a built Keras model as a network and its weights; outputs are equal.

    A softmax at the end is dropped, so outputs are logits: their largest is the same. Batch norm
    right after a linear layer stays its own arrays, as training wants them; another epsilon than
    ours is moved into the variance, the rest into gamma. Elsewhere it becomes a 1x1 depthwise
    convolution on planes, and on features part of the dense layer that follows.

    Args:
        model: Keras 2 or Keras 3, Sequential or Functional without branches; nested ones are
            unfolded.

    Raises:
        UnsupportedLayerError: Naming the layer that cannot be rebuilt and why.
        InputError: If the model is not built, has open shapes, or weights that are not finite.
    """
    reader = Reader(fixed_shape(getattr(model, "input_shape", None), "input"))
    last = None
    for layer in chain(model):
        reader.read(layer)
        last = layer if type(layer).__name__ not in IGNORED else last
    if not reader.ends_in_dense:
        raise unsupported(last or model, "the last layer that computes must be Dense")
    return connected(reader.input_shape, reader.layers), reader.weights
