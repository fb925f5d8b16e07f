"""Score a quantised .tflite on a split: the artifact itself, never the float model behind it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._base import Runtime
from autotiny.tasks._base import Goal, Split, Task
from autotiny.tflite.litert import litert_interpreter

#: Samples that run at once: more gain no time, and LiteRT unrolls convolutions of a whole batch.
_BATCH = 256


@dataclass(frozen=True)
class Quantisation:
    """Affine map of a tensor: ``real = scale * (q - zero_point)``.

    Attributes:
        scale: Real units per step.
        zero_point: The integer that stands for 0.
    """

    scale: float
    zero_point: int

    def quantise(self, x: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return int8 values, rounded half to even and saturated, as the exported C code does."""
        steps = np.round(x / np.float32(self.scale)) + self.zero_point
        return np.asarray(np.clip(steps, -128, 127), np.int8)

    def dequantise(self, q: NDArray[np.int8]) -> NDArray[np.float32]:
        """Return the real values."""
        return ((q.astype(np.float32) - self.zero_point) * self.scale).astype(np.float32)


@dataclass(frozen=True)
class Outputs:
    """What a quantised model said about a set of samples.

    Attributes:
        quantised: int8 outputs, ``(n, outputs)``.
        real: The same in real units.
    """

    quantised: NDArray[np.int8]
    real: NDArray[np.float32]


def io_quantisation(model: bytes) -> tuple[Quantisation, Quantisation]:
    """Return how a model's input and output are quantised; the model itself is not run."""
    from autotiny.tflite.reader import read_model

    parsed = read_model(model)
    source, target = (parsed.tensors[edge[0]] for edge in (parsed.inputs, parsed.outputs))
    return _map_of(source), _map_of(target)


def _map_of(tensor: Any) -> Quantisation:
    if len(tensor.scales) != 1:
        raise UnsupportedModelError(
            f"Inputs and outputs must be quantised with one scale; {tensor.type} has "
            f"{len(tensor.scales)}."
        )
    return Quantisation(tensor.scales[0], (tensor.zero_points or (0,))[0])


def litert_outputs(model: bytes, x: NDArray[np.float32]) -> Outputs:
    """Run samples batch by batch in LiteRT without delegates.

    Most outputs are TFLM's bits and the others one step off: 0.97 to 1.0 of int8 networks' outputs,
    0.8 to 0.9 of some with 4-bit layers, measured on small networks. That nearly never moves the
    largest, and what is shown is scored in the runtime itself. XNNPACK is further off.

    Args:
        model: Full quantised .tflite, int8 in and out.
        x: Real samples, ``(n, *input_shape)``.
    """
    interpreter = litert_interpreter(model)
    detail = interpreter.get_input_details()[0]
    source, target = _io_of(interpreter)
    samples, results, size = source.quantise(x), [], 0
    for start in range(0, len(samples), _BATCH):
        batch = samples[start : start + _BATCH]
        if len(batch) != size:
            size = len(batch)
            interpreter.resize_tensor_input(detail["index"], [size, *detail["shape"][1:]])
            interpreter.allocate_tensors()
        interpreter.set_tensor(detail["index"], batch)
        interpreter.invoke()
        results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    quantised = np.concatenate(results).reshape(len(samples), -1)
    return Outputs(quantised, target.dequantise(quantised))


def device_score(runtime: Runtime, model: bytes, image: bytes, split: Split, goal: Goal) -> float:
    """Return the score in the target's own runtime, sample by sample: the device's truth.

    Args:
        runtime: Runs the image.
        model: The full model behind the image; tells how the input is quantised.
        image: What would be flashed.
        split: Real samples and targets.
        goal: What outputs mean and are scored by.
    """
    return goal.score(device_outputs(runtime, model, image, split.x).real, split)


def foreign_score(
    outputs: NDArray[np.float32], task: Task, split: Split, *, sigmoid: bool = False
) -> float | None:
    """Return the score of a model's outputs as it came, or None where they are not the task's.

    Args:
        outputs: Real, ``(n, outputs)``: logits, probabilities or values.
        task: What they may be about.
        split: Its samples and targets.
        sigmoid: The model ends in probabilities of single labels; otherwise in logits.
    """
    outputs = outputs.reshape(len(outputs), -1)
    pair = task.goal.kind.name == "classification" and len(task.class_names) == 2
    if outputs.shape[1] != task.outputs and not (pair and outputs.shape[1] == 1):
        return None
    if sigmoid and task.goal.kind.name in ("classification", "multi-label"):
        outputs = outputs - np.float32(0.5)
    return task.goal.score(outputs, split)


def device_outputs(runtime: Runtime, model: bytes, image: bytes, x: NDArray[np.float32]) -> Outputs:
    """Return what the target's own runtime says about real samples ``(n, *input_shape)``.

    Args:
        runtime: Runs the image.
        model: The full model behind the image; tells how input and output are quantised.
        image: What would be flashed.
        x: Real samples.
    """
    source, target = io_quantisation(model)
    quantised = runtime.outputs(image, source.quantise(x)).reshape(len(x), -1)
    return Outputs(quantised, target.dequantise(quantised))


def _io_of(interpreter: Any) -> tuple[Quantisation, Quantisation]:
    details = (interpreter.get_input_details()[0], interpreter.get_output_details()[0])
    source, target = (
        Quantisation(float(d["quantization"][0]), int(d["quantization"][1])) for d in details
    )
    return source, target
