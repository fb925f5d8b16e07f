"""Working memory that kernels ask for when they prepare, planned in the arena's head.

Rules of the reference kernels, from ``tensorflow/lite/micro/kernels`` of tensorflow/tflite-micro;
those of CMSIS-NN are in ``cmsis_nn``.
"""

from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm import cmsis_nn
from autotiny.runtimes.tflm.planner import Scratch
from autotiny.runtimes.tflm.reader import Model, Operator


def scratch_requests(model: Model, target: Target) -> list[Scratch]:
    """Return the scratch that the target's kernels ask for, in order."""
    requests = []
    for operator in model.operators:
        sizes = None
        if target.kernels == "cmsis-nn":
            sizes = cmsis_nn.scratch_bytes(model, operator, target.core)
        if sizes is None:
            rule = _REFERENCE_SCRATCH.get(operator.name)
            sizes = rule(model, operator) if rule else []
        name = f"scratch of operator {operator.index}"
        requests += [Scratch(operator.index, size, name) for size in sizes]
    return requests


def _unpacked_weights(model: Model, operator: Operator) -> list[int]:
    """4-bit weights are unpacked to a byte each while their operator runs."""
    weights = model.input(operator, 1)
    return [weights.elements] if weights is not None and weights.type == "int4" else []


def _svdf(model: Model, operator: Operator) -> list[int]:
    """Sums of the time filters and of the outputs, 32 bits each."""
    source, filters = model.input(operator, 0), model.input(operator, 1)
    assert source is not None
    assert filters is not None
    batch = source.shape[0]
    sums = batch * filters.shape[0] * 4
    outputs = batch * model.output(operator).shape[-1] * 4
    return [sums] if source.type == "float32" else [sums, outputs]


def _transpose_conv(model: Model, operator: Operator) -> list[int]:
    """One accumulator per output: 32 bits, or 64 for 16-bit activations."""
    output = model.output(operator)
    size = {"int8": 4, "int16": 8}.get(output.type)
    return [output.elements * size] if size else []


def _mean(model: Model, operator: Operator) -> list[int]:
    """Sums of quantised values, an index and the resolved axes, 32 bits each."""
    source, axes, output = (
        model.input(operator, 0),
        model.input(operator, 1),
        model.output(operator),
    )
    assert source is not None
    assert axes is not None
    sums = [4 * output.elements] if source.type in ("int8", "int16") else []
    return [*sums, 4 * len(source.shape), 4 * axes.elements]


def _lstm(model: Model, operator: Operator) -> list[int]:
    """Four gates, each as large as the cell state (input 19)."""
    state = model.input(operator, 19)
    return [state.nbytes] * 4 if state is not None else []


_REFERENCE_SCRATCH = {
    "CONV_2D": _unpacked_weights,
    "DEPTHWISE_CONV_2D": _unpacked_weights,
    "FULLY_CONNECTED": _unpacked_weights,
    "SVDF": _svdf,
    "TRANSPOSE_CONV": _transpose_conv,
    "MEAN": _mean,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
