"""The user's own Keras model as a quantised .tflite.

Reads Keras 2 (tf_keras) and Keras 3 models without importing either. What the writer knows goes
the way of every candidate; a model with any other layer can still be lowered through
TFLiteConverter, but not cut, pruned or searched.
"""

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.precision import PrecisionPlan
from autotiny.readers._keras_graph import UnsupportedLayerError, fixed_shape
from autotiny.readers.keras import read_keras, with_head

_log = logging.getLogger("autotiny")


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
        read = with_head(read_keras(model))  # a model that is taken as it is keeps its sigmoid
    except UnsupportedLayerError as error:
        from autotiny.lowering._converter import lower_by_converter

        if plan:
            raise InputError(
                f"A precision plan needs a model of which every layer is known. {error}"
            ) from None
        _log.info("lowering %r through TFLiteConverter: %s", model.name, error)
        return lower_by_converter(model, samples)
    network, weights = fold_batch_norm(read.network, read.weights)
    samples = samples.reshape(len(samples), *network.input_shape)
    return lower(network, weights, plan or {}, activation_ranges(network, weights, samples))


def _checked_samples(model: Any, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    shape = fixed_shape(getattr(model, "input_shape", None), "input")
    if len(samples) == 0 or samples.shape[1:] != shape or not np.isfinite(samples).all():
        raise InputError(
            f"Samples must be at least one finite array of shape (n, "
            f"{', '.join(map(str, shape))}); got shape {samples.shape}."
        )
    return samples.astype(np.float32)
