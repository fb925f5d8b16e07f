"""The user's own Keras model as a network of ours, and as a quantised .tflite.

Reads Keras 2 (tf_keras) and Keras 3 models without importing either. What the writer knows goes
the way of every candidate; a model with any other layer can still be lowered through
TFLiteConverter, but not cut, pruned or searched.
"""

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.lowering._keras_chain import (
    UnsupportedLayerError,
    chain,
    fixed_shape,
    unsupported,
)
from autotiny.lowering._keras_reader import IGNORED, Reader
from autotiny.network import Network, Weights, fold_batch_norm
from autotiny.precision import PrecisionPlan

__all__ = ["UnsupportedLayerError", "lower_keras", "network_from_keras"]

_log = logging.getLogger("autotiny")


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
    return Network(reader.input_shape, tuple(reader.layers)), reader.weights


def lower_keras(
    model: Any, samples: NDArray[np.float32], plan: PrecisionPlan | None = None
) -> bytes:
    """Return the quantised .tflite of a trained Keras model: int8 input and output, batch 1.

    A model with a layer that the writer does not know goes through TFLiteConverter and a plain
    int8 recipe; the log says which layer sent it there. One with LSTM layers is quantised by
    TFLiteConverter itself.

    Args:
        model: Built and trained; Keras 2 or Keras 3.
        samples: Representative data set, ``(n, *input_shape)``, from the training split.
        plan: Bits per layer, by Keras layer name; int8 throughout by default.

    Raises:
        InputError: If the samples do not fit the model, the converter cannot take it either, or a
            plan is given for a model that needs the converter, whose layers have other names.
    """
    from autotiny.lowering import activation_ranges, lower
    from autotiny.lowering._recurrent import lower_recurrent, recurrent_layers

    samples = _checked_samples(model, samples)
    if recurrent_layers(model):
        if plan:
            raise InputError("A precision plan needs a model without recurrent layers.")
        return lower_recurrent(model, samples)
    try:
        network, weights = network_from_keras(model)
    except UnsupportedLayerError as error:
        from autotiny.lowering._converter import lower_by_converter

        if plan:
            raise InputError(
                f"A precision plan needs a model of which every layer is known. {error}"
            ) from None
        _log.info("lowering %r through TFLiteConverter: %s", model.name, error)
        return lower_by_converter(model, samples)
    network, weights = fold_batch_norm(network, weights)
    return lower(network, weights, plan or {}, activation_ranges(network, weights, samples))


def _checked_samples(model: Any, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    shape = fixed_shape(getattr(model, "input_shape", None), "input")
    if len(samples) == 0 or samples.shape[1:] != shape or not np.isfinite(samples).all():
        raise InputError(
            f"Samples must be at least one finite array of shape (n, "
            f"{', '.join(map(str, shape))}); got shape {samples.shape}."
        )
    return samples.astype(np.float32)
