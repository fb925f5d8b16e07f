"""Working memory that kernels ask for when they prepare, planned in the arena's head.

Rules of the reference kernels, from ``tensorflow/lite/micro/kernels`` of tensorflow/tflite-micro;
those of CMSIS-NN are in ``cmsis_nn``.
"""

from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm import cmsis_nn
from autotiny.runtimes.tflm.planner import Scratch
from autotiny.runtimes.tflm.prepared import custom_option
from autotiny.runtimes.tflm.versions import version_of
from autotiny.tflite.reader import Model, Operator


def scratch_requests(model: Model, target: Target, *, pointer_bytes: int = 4) -> list[Scratch]:
    """Return the scratch that the target's kernels ask for, in order.

    Args:
        model: The model.
        target: Its kernels and core.
        pointer_bytes: Of the processor; 8 for what the interpreter records on a 64-bit host.
    """
    requests = []
    memories = version_of(target).operators
    for operator in model.operators:
        memory = memories.get(operator.name)
        variant = memory.variant if memory else None
        sizes = None
        if target.kernels == "cmsis-nn" and variant != "reference":
            sizes = cmsis_nn.scratch_bytes(model, operator, target.core, variant)
        if sizes is None:
            rule = _REFERENCE_SCRATCH.get(operator.name)
            sizes = rule(model, operator) if rule else []
            if variant == "sums":
                sizes = sizes[:-2]  # all but index and axes
            if operator.name == "ADD_N":
                sizes = [pointer_bytes * len(operator.inputs)]
            elif operator.name == "SVDF" and target.kernels == "cmsis-nn":
                sizes += cmsis_nn.svdf_sums(model, operator, target.core)
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
    """One accumulator per output: 32 bits, or 64 for 16-bit activations; 16-bit biases widened."""
    output, bias = model.output(operator), model.input(operator, 3)
    size = {"int8": 4, "int16": 8}.get(output.type)
    widened = [8 * bias.elements] if bias is not None and bias.type == "int16" else []
    return [output.elements * size, *widened] if size else []


def _mean(model: Model, operator: Operator) -> list[int]:
    """Sums of quantised values, an index and the resolved axes, 32 bits each."""
    source, output = model.input(operator, 0), model.output(operator)
    quantised = source is not None and source.type in ("int8", "int16")
    sums = [4 * output.elements] if quantised else []
    return [*sums, *_reduce(model, operator)]


def _reduce(model: Model, operator: Operator) -> list[int]:
    """An index and the resolved axes, 32 bits each."""
    source, axes = model.input(operator, 0), model.input(operator, 1)
    assert source is not None
    assert axes is not None
    return [4 * len(source.shape), 4 * axes.elements]


def _mirror_pad(model: Model, operator: Operator) -> list[int]:
    """Elements behind each dimension of output and input, 32 bits each."""
    source = model.input(operator, 0)
    return [4 * len(source.shape)] * 2 if source is not None else []


def _rfft(model: Model, operator: Operator) -> list[int]:
    """A padded frame."""
    source = model.input(operator, 0)
    if source is None:
        return []
    return [custom_option(operator, "fft_length") * (2 if source.type == "int16" else 4)]


def _detections(model: Model, operator: Operator) -> list[int]:
    """Lists of boxes, scores and candidates (detection_postprocess.cc)."""
    boxes, scores = model.input(operator, 0), model.input(operator, 1)
    if boxes is None or scores is None or len(boxes.shape) < 2 or len(scores.shape) < 3:
        return []
    count, most = boxes.shape[1], custom_option(operator, "max_detections")
    classes = custom_option(operator, "num_classes")
    return [
        count, 16 * count, 4 * scores.shape[1] * scores.shape[2], 4 * count, 4 * count,
        4 * most * count, 4 * most * count, 4 * count, 4 * most * count,
        4 * max(classes, most) * count, 4 * min(count, most) * count,
    ]  # fmt: skip


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
    "SUM": _mean,
    "REDUCE_ALL": _reduce,
    "REDUCE_MAX": _reduce,
    "REDUCE_MIN": _reduce,
    "MIRROR_PAD": _mirror_pad,
    "SignalRfft": _rfft,
    "TFLite_Detection_PostProcess": _detections,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
