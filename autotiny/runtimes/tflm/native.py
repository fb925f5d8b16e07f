"""The ``tflite_micro`` wheel's interpreter in this process."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import UnsupportedModelError
from autotiny.quiet import captured_stderr
from autotiny.tflite.reader import Model
from autotiny.tflite.schema import OPERATORS

#: Element types that the interpreter's Python interface can move in and out.
NUMPY_TYPES = {"int8": np.int8, "int16": np.int16, "uint8": np.uint8, "float32": np.float32,
               "int32": np.int32, "bool": np.bool_}  # fmt: skip
_MAX_ARENA_BYTES = 2**28
_ARENA_LINE = re.compile(r"Arena allocation (head|tail) (\d+) bytes")
#: What the interpreter prints when its arena is too small.
_TOO_SMALL = re.compile(r"allocat|resize|Arena size|exceeds", re.IGNORECASE)


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
