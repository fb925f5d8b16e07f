"""Runs models on TFLM itself: the ``tflite_micro`` wheel, bit-identical to the device.

A model that autotiny made is run in this process, for speed. Anything else is first verified by the
reader and then run in a worker process, so that even a model that makes the interpreter fault or
loop ends as an error message.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError, UnsupportedModelError
from autotiny.quiet import captured_stderr
from autotiny.tflite.reader import Model, Tensor, read_model
from autotiny.tflite.schema import OPERATORS

#: Element types that the interpreter's Python interface can move in and out.
NUMPY_TYPES = {"int8": np.int8, "int16": np.int16, "uint8": np.uint8, "float32": np.float32,
               "int32": np.int32, "bool": np.bool_}  # fmt: skip
_MAX_ARENA_BYTES = 2**28
_ARENA_LINE = re.compile(r"Arena allocation (head|tail) (\d+) bytes")
#: What the interpreter prints when its arena is too small.
_TOO_SMALL = re.compile(r"allocat|resize|Arena size|exceeds", re.IGNORECASE)


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
    from autotiny.runtimes.tflm.worker import shared_worker

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
    from autotiny.runtimes.tflm.worker import shared_worker

    return shared_worker().recorded_arena(model)


def run(parsed: Model, model: bytes, samples: NDArray[Any]) -> NDArray[Any]:
    """Run checked samples in this process; shapes as in ``outputs``."""
    shape = parsed.tensors[parsed.inputs[0]].shape
    stateful = any(tensor.is_variable for tensor in parsed.tensors)
    results = []
    with captured_stderr() as printed:
        interpreter = _start(parsed, model, printed)
        for sample in samples:
            if stateful:
                interpreter.Reset()
            try:
                interpreter.SetInputTensor(sample.reshape(shape), 0)
                interpreter.Invoke()
            except (RuntimeError, ValueError) as error:
                raise _refused(parsed, printed(), error) from error
            results.append(np.array(interpreter.GetOutputTensor(0)).reshape(-1))
    if not results:
        output = parsed.tensors[parsed.outputs[0]]
        return np.zeros((0, output.elements), NUMPY_TYPES[output.type])
    return np.stack(results)


def measure_arena(parsed: Model, model: bytes) -> tuple[int, int]:
    """Return the recorded head and tail in bytes, measured in this process."""
    with captured_stderr() as printed:
        interpreter = _start(parsed, model, printed)
        printed()
        interpreter.PrintAllocations()
        text = printed()
    found = {name: int(size) for name, size in _ARENA_LINE.findall(text)}
    return found["head"], found["tail"]


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


def _start(parsed: Model, model: bytes, printed: Any) -> Any:
    """Return the wheel's native interpreter with an arena that is large enough."""
    from tflite_micro.python.tflite_micro import _runtime  # the wheel's class parses it all again

    variables = 32 if any(code.name == "VAR_HANDLE" for code in parsed.operator_codes) else 0
    size = _generous_arena(parsed)
    while True:
        printed()
        try:
            return _runtime.InterpreterWrapper(
                model, [], size, variables, _runtime.PythonInterpreterConfig.kAllocationRecording, 0
            )
        except (RuntimeError, ValueError) as error:
            text = printed()
            if not _TOO_SMALL.search(text) or size * 4 > _MAX_ARENA_BYTES:
                raise _refused(parsed, text, error) from error
        size *= 4


def _generous_arena(parsed: Model) -> int:
    """Return an arena size that nearly always suffices: too small ones may fault."""
    activations = sum(t.nbytes for t in parsed.tensors if t.data is None)
    weights = sum(t.elements for t in parsed.tensors if t.data is not None)
    records = 1000 * (len(parsed.tensors) + len(parsed.operators) + 64)
    size = min(4 * activations + 2 * weights + records, _MAX_ARENA_BYTES)
    return size // 16 * 16  # an aligned end, so that the recorded tail does not vary


def _refused(parsed: Model, text: str, error: Exception) -> UnsupportedModelError:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = "; ".join(lines[:3]) or str(error).strip() or type(error).__name__
    if "op code CUSTOM" in text:
        custom = [name for name in parsed.operator_names if name not in OPERATORS]
        reason = f"{reason.rstrip('.')} (custom operators: {', '.join(custom)})"
    return UnsupportedModelError(f"TensorFlow Lite Micro refuses the model: {reason.rstrip('.')}.")
