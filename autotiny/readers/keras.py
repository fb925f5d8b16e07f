"""Keras models as networks of ours."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np

from autotiny.errors import InputError
from autotiny.networks.affine import UnresolvedAffineError
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.layers import Activation
from autotiny.networks.rewrite import simplified
from autotiny.readers._draft import Draft, ReadModel
from autotiny.readers._keras_graph import UnsupportedLayerError, fixed_shape, unsupported, walk
from autotiny.readers._keras_layers import KerasReader, KerasValue

__all__ = ["ReadModel", "UnsupportedLayerError", "network_from_keras", "read_keras"]

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
    value = walk(model, KerasValue(INPUT, shape), reader.read)
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
    read = ReadModel(network, weights, head, tuple(draft.notes))
    _require_equal(model, read)
    for note in read.notes:
        _log.info("%s: %s", model.name, note)
    return read


def with_head(read: ReadModel) -> ReadModel:
    """Return the model with the sigmoid that was dropped, for outputs that are values."""
    if read.head != "sigmoid":
        return read
    last = Activation("sigmoid", "sigmoid", inputs=(read.network.output,))
    network = Network(read.network.input_shape, (*read.network.layers, last))
    return replace(read, network=network, head="linear")


def _names(model: Any) -> set[str]:
    return {layer.name for layer in model.layers}


def _require_equal(model: Any, read: ReadModel) -> None:
    """Refuse a network that does not compute what the model does.

    Raises:
        InputError: If outputs on random samples differ.
    """
    from autotiny.training.forward import logits

    shape = fixed_shape(model.input_shape, "input")
    x = np.random.default_rng(0).uniform(-1, 1, (4, *shape)).astype(np.float32)
    ours = logits(read.network, read.weights, x.reshape(len(x), *read.network.input_shape))
    outputs = model(x, training=False)
    theirs = np.asarray(outputs.numpy(), np.float32).reshape(len(x), -1)
    with np.errstate(over="ignore"):
        if read.head == "softmax":
            exponents = np.exp(ours - ours.max(axis=1, keepdims=True))
            ours = exponents / exponents.sum(axis=1, keepdims=True)
        elif read.head == "sigmoid":
            ours = np.asarray(1 / (1 + np.exp(-ours)), np.float32)
    scale = max(1.0, float(np.abs(theirs).max()))
    if ours.shape != theirs.shape or not np.allclose(ours / scale, theirs / scale, atol=1e-3):
        raise InputError(
            f"A Keras model must be read as what it is; outputs of {model.name!r} differ from "
            "those of what was read: `autotiny compress` converts the model as it is."
        )
