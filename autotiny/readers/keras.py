"""Keras models as networks of ours."""

import logging
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.networks.affine import UnresolvedAffineError
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.layers import Activation
from autotiny.networks.rewrite import simplified
from autotiny.readers._draft import Draft, ReadModel
from autotiny.readers._keras_graph import UnsupportedLayerError, fixed_shape, unsupported, walk
from autotiny.readers._keras_layers import read_layer
from autotiny.readers._keras_reader import KerasReader, KerasValue

__all__ = [
    "ReadModel",
    "UnsupportedLayerError",
    "keras_outputs",
    "network_from_keras",
    "read_keras",
    "with_head",
]

#: A part of fewer layers is not worth a search.
_LEAST_PART = 3
#: Samples that run at once.
_BATCH = 256
_log = logging.getLogger("autotiny")


def network_from_keras(model: Any) -> tuple[Network, Weights]:
    """Return a built Keras model as a network and its weights; see ``read_keras``."""
    read = read_keras(model)
    return read.network, read.weights


def read_keras(model: Any) -> ReadModel:
    """Return a built Keras model as a network of ours.

    A softmax or sigmoid at the end is dropped, so outputs are logits: their order is the same.
    Batch norm right after a linear layer stays its own arrays, as training wants them; another
    epsilon than ours is moved into the variance, the rest into gamma. Elsewhere it becomes part of
    the layer behind it, or a 1x1 depthwise convolution, and so do Rescaling and Normalization.

    Args:
        model: Keras 2 or Keras 3, Sequential or Functional; nested ones are unfolded.

    Raises:
        UnsupportedLayerError: Naming the layer that cannot be rebuilt and why.
        InputError: If the model is not built, has open shapes, or weights that are not finite.
    """
    shape = fixed_shape(getattr(model, "input_shape", None), "input")
    if len(shape) > 3:
        raise InputError(
            f"A Keras model must take vectors, signals (time, channels) or images (height, width, "
            f"channels); {model.name!r} takes {shape}."
        )
    draft = Draft(shape)
    reader = KerasReader(draft)
    try:
        value = walk(model, KerasValue(INPUT, shape), partial(read_layer, reader))
    except UnsupportedLayerError as error:
        raise _with_the_part_before(error, draft) from None
    if not draft.layers:
        raise unsupported(model, "it holds no layer that computes")
    head = value.head
    last = draft.layers[-1]
    if head == "linear" and isinstance(last, Activation) and last.function == "sigmoid":
        draft.layers.pop()
        head = "sigmoid"
    if head != "linear":
        draft.notes.append(f"{head} dropped; outputs are logits, their order is equal")
    try:
        network, weights = simplified(draft.network(), draft.weights)
    except UnresolvedAffineError as error:
        layer = model.get_layer(error.name) if error.name in _names(model) else model
        raise unsupported(
            layer,
            f"a normalisation of features must be followed by Dense, not by {error.reader!r}",
        ) from None
    read = ReadModel(network, weights, head, tuple(draft.notes), partial(keras_outputs, model))
    for note in read.notes:
        _log.info("%s: %s", model.name, note)
    return read


def _with_the_part_before(error: UnsupportedLayerError, draft: Draft) -> UnsupportedLayerError:
    """Return an error that says which part of the model could be searched, if one splits off."""
    read = {name for layer in draft.layers for name in layer.inputs}
    ends = [layer.name for layer in draft.layers if layer.name not in read]
    if len(ends) != 1 or len(draft.layers) < _LEAST_PART:
        return error
    told = UnsupportedLayerError(
        f"{error} The {len(draft.layers)} layers before it, up to {ends[0]!r}, can be searched as "
        "a model of their own, what follows being done outside."
    )
    told.layer = error.layer
    return told


def with_head(read: ReadModel) -> ReadModel:
    """Return the model with the sigmoid that was dropped, for outputs that are values."""
    if read.head != "sigmoid":
        return read
    taken = {INPUT, *(layer.name for layer in read.network.layers)}
    name = next(n for i in range(len(taken) + 1) if (n := f"sigmoid_{i}") not in taken)
    last = Activation(name, "sigmoid", inputs=(read.network.output,))
    network = Network(read.network.input_shape, (*read.network.layers, last))
    return replace(read, network=network, head="linear")


def _names(model: Any) -> set[str]:
    return {layer.name for layer in model.layers}


def keras_outputs(model: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a Keras model itself gives, ``(n, outputs)``, head included."""
    shape = fixed_shape(model.input_shape, "input")
    parts = [
        np.asarray(model(x[i : i + _BATCH].reshape(-1, *shape), training=False), np.float32)
        for i in range(0, len(x), _BATCH)
    ]
    return np.concatenate(parts).reshape(len(x), -1)
