"""A model of any layers as what it gives: for those that need not be taken apart."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.layers import Shape
from autotiny.readers._draft import Head, as_plane
from autotiny.readers._keras_graph import fixed_shape
from autotiny.readers.keras_file import load_keras_file
from autotiny.readers.model_file import check_model, made_model, runs_code

Reals = NDArray[np.float32]


@dataclass(frozen=True)
class ModelOutputs:
    """A model that is run as it is.

    Attributes:
        input_shape: Of a sample, as ours: a signal of (time, channels) is a plane of width 1.
        head: What the model does to its last values.
        outputs: Gives ``(n, outputs)``, head included, for samples ``(n, *input_shape)``.
    """

    input_shape: Shape
    head: Head
    outputs: Callable[[Reals], Reals]

    def before_head(self, x: Reals) -> Reals:
        """Return the logits of samples ``(n, *input_shape)``, up to a constant for each sample.

        Probabilities below 1e-7, of which single precision keeps little, count as 1e-7.
        """
        given = self.outputs(x).astype(np.float64)
        if self.head == "linear":
            return given.astype(np.float32)
        given = np.clip(given, 1e-7, 1 - 1e-7)
        rest = np.log1p(-given) if self.head == "sigmoid" else 0.0
        return np.asarray(np.log(given) - rest, np.float32)


def read_outputs(path: str | Path, sha256: str | None = None) -> ModelOutputs:
    """Return a model that ``read_model_file`` takes as what it gives, whatever its layers are.

    Args:
        path: The model, or ``package.module:function`` that returns a Keras model.
        sha256: What its fingerprint must be, if it is to be checked.

    Raises:
        InputError: If it has changed, would run code of its own, or cannot be loaded.
    """
    if sha256 is not None:
        check_model(path, sha256)
    if str(path).lower().endswith(".onnx"):
        from autotiny.readers.onnx import load_onnx_file, onnx_outputs

        shape, head, outputs = onnx_outputs(load_onnx_file(path), path)
        return ModelOutputs(as_plane(shape), head, outputs)
    from autotiny.readers.keras import keras_outputs

    model = made_model(str(path)) if runs_code(str(path)) else load_keras_file(path)
    shape = fixed_shape(getattr(model, "input_shape", None), "input")
    return ModelOutputs(as_plane(shape), _head(model), lambda x: keras_outputs(model, x))


def _head(model: Any) -> Head:
    """Return what a Keras model ends in, by its last layer; models within models have theirs."""
    last = model
    while getattr(last, "layers", None):
        last = last.layers[-1]
    if type(last).__name__ == "Softmax":
        return "softmax"
    named = getattr(getattr(last, "activation", None), "__name__", "linear")
    heads: dict[str, Head] = {"softmax": "softmax", "sigmoid": "sigmoid"}
    return heads.get(named, "linear")
