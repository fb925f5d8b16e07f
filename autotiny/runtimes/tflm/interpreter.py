"""Runs models on TFLM itself: the ``tflite_micro`` wheel, bit-identical to the device.

A model that autotiny made is run in this process, for speed. Anything else is first verified by the
reader and then run in a worker process, so that even a model that makes the interpreter fault or
loop ends as an error message.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError, UnsupportedModelError
from autotiny.runtimes.tflm.native import NUMPY_TYPES, measure_arena, run
from autotiny.runtimes.tflm.worker import shared_worker
from autotiny.tflite.reader import Model, Tensor, read_model


def outputs(model: bytes, inputs: NDArray[Any], *, trusted: bool = False) -> NDArray[Any]:
    """Run samples one by one on TFLM.

    Args:
        model: A .tflite file with one input and one output.
        inputs: Samples of the model's input type, shape ``(n, *input_shape)``.
        trusted: The model was made by autotiny: run it in this process.

    Returns:
        The first output, flattened per sample, shape ``(n, classes)``.

    Raises:
        InputError: If the file is no sound model or the samples do not fit its input.
        UnsupportedModelError: If TFLM refuses the model.
    """
    parsed = read_model(model)
    samples = _check_inputs(parsed, inputs)
    if trusted:
        return run(parsed, model, samples)
    return shared_worker().outputs(model, samples)


def recorded_arena(model: bytes, *, trusted: bool = False) -> tuple[int, int]:
    """Return the bytes of the arena's head and tail that the wheel records (on a 64-bit host).

    Raises:
        InputError: If the file is no sound model.
        UnsupportedModelError: If TFLM refuses the model.
    """
    parsed = read_model(model)
    if trusted:
        return measure_arena(parsed, model)
    return shared_worker().recorded_arena(model)


def _check_inputs(parsed: Model, inputs: NDArray[Any]) -> NDArray[Any]:
    if len(parsed.inputs) != 1 or len(parsed.outputs) != 1:
        raise InputError(
            f"A model must have one input and one output to be run on samples; this one has "
            f"{len(parsed.inputs)} and {len(parsed.outputs)}."
        )
    tensor, output = parsed.tensors[parsed.inputs[0]], parsed.tensors[parsed.outputs[0]]
    for end in (tensor, output):
        if end.type not in NUMPY_TYPES:
            raise UnsupportedModelError(f"Inputs and outputs of type {end.type} cannot be run.")
    _check_sample_shape(tensor, inputs)
    if inputs.dtype != NUMPY_TYPES[tensor.type]:
        raise InputError(f"The model takes {tensor.type} inputs; got {inputs.dtype}.")
    return np.ascontiguousarray(inputs)


def _check_sample_shape(tensor: Tensor, inputs: NDArray[Any]) -> None:
    batch, *sample = tensor.shape or (1,)
    if batch != 1:
        raise InputError(f"The model takes batches of {batch} samples; only 1 can be run.")
    if inputs.ndim < 1 or list(inputs.shape[1:]) != sample:
        raise InputError(
            f"The model takes samples of shape {tuple(sample)}; got {tuple(inputs.shape[1:])}."
        )
