"""A model file of the user's as an int8 .tflite, whole as it is: nothing is cut or trained."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.files import kind_of, other_kind
from autotiny.tflite.litert import run_one_by_one

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Converted:
    """A converted model.

    Attributes:
        model: int8 .tflite, input and output int8.
        float_bytes: Size of the float weights it was made from; None for one that was int8 before.
        outputs: The float model's outputs for samples, ``(n, outputs)``; None likewise.
    """

    model: bytes
    float_bytes: int | None
    outputs: Callable[[Array], Array] | None


@dataclass(frozen=True)
class Source:
    """A model file, opened.

    Attributes:
        path: Where it lies.
        content: A Keras model, or the bytes of a ``.tflite``.
        input_shape: Shape of a sample, without the batch.
    """

    path: Path
    content: Any
    input_shape: tuple[int, ...]


def open_source(path: Path) -> Source:
    """Open a ``.keras`` or ``.h5`` file, a SavedModel folder, or a ``.tflite``.

    Raises:
        InputError: If the file is no model, or has not one input of fixed shape.
    """
    if not os.path.exists(path):
        raise InputError(f"A model to compress must be an existing file or folder; got {path}.")
    if kind_of(path) == "a TFLite model":
        data = path.read_bytes()
        return Source(path, data, tuple(_tflite_edge(data).shape[1:]))
    from autotiny.readers._keras_graph import fixed_shape

    model = _keras(path)
    return Source(path, model, fixed_shape(getattr(model, "input_shape", None), "input"))


def convert(source: Source, samples: Array) -> Converted:
    """Quantise a model; an int8 ``.tflite`` is taken as it is.

    Args:
        source: The model.
        samples: Representative data set, ``(n, *input_shape)``, from the training split.

    Raises:
        InputError: If it cannot be quantised.
    """
    model = source.content
    if not isinstance(model, bytes):
        from autotiny.lowering.keras import lower_keras

        size = 4 * sum(int(np.prod(array.shape)) for array in model.get_weights())
        return Converted(lower_keras(model, samples), size, lambda x: _keras_outputs(model, x))
    kind = _tflite_edge(model).type
    if kind == "int8":
        return Converted(model, None, None)
    if kind != "float32":
        raise InputError(
            f"A TFLite model to compress must take float32 or int8 inputs; {source.path} takes "
            f"{kind}: convert the model it was made from, with inference_input_type int8 or none."
        )
    if inner := _quantised_inside(model):
        raise InputError(
            f"A TFLite model to compress must be float throughout, or int8; {source.path} takes "
            f"float32 and computes in {inner}: give the float model it was made from."
        )
    from autotiny.lowering._converter import quantise_float

    return Converted(quantise_float(model, samples), len(model), lambda x: run_one_by_one(model, x))


def _quantised_inside(data: bytes) -> str:
    """Return the integer type in which a model of float edges computes; empty if it does not."""
    from autotiny.tflite.reader import read_model

    model = read_model(data)
    made = (model.tensors[index] for operator in model.operators for index in operator.outputs)
    types = {tensor.type for tensor in made} & {"int8", "int16", "uint8"}
    return min(types, default="")


def _keras(path: Path) -> Any:
    from autotiny.readers.keras_file import load_keras_file

    if kind_of(path) != "a Keras model":
        raise InputError(other_kind("A model to compress must be from Keras or TFLite", path))
    return load_keras_file(path)


def _tflite_edge(data: bytes) -> Any:
    """Return the one input tensor of a sound .tflite."""
    from autotiny.tflite.reader import read_model

    model = read_model(data)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise InputError(
            f"A model to compress must have one input and one output; this one has "
            f"{len(model.inputs)} and {len(model.outputs)}: concatenate them."
        )
    source, sink = model.tensors[model.inputs[0]], model.tensors[model.outputs[0]]
    if source.shape[:1] != (1,):
        raise InputError(
            f"A model to compress must take one sample at a time; this one's input has shape "
            f"{source.shape}: convert it with a batch of 1."
        )
    if sink.type != source.type:
        raise InputError(
            f"A model to compress must have input and output of one type; this one has "
            f"{source.type} and {sink.type}: convert it with inference_output_type {source.type}."
        )
    return source


def _keras_outputs(model: Any, x: Array) -> Array:
    parts = [np.asarray(model(x[i : i + 256], training=False)) for i in range(0, len(x), 256)]
    return np.concatenate(parts).reshape(len(x), -1).astype(np.float32)
