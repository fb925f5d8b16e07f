"""What an operator has to do, as numbers that its instructions are predicted from.

The names are those of the coefficients in ``tables/instructions_*.yaml``.
"""

import math
from collections.abc import Mapping
from itertools import takewhile

from autotiny.runtimes.tflm.code_paths import WEIGHTED, first_activation, inputs
from autotiny.tflite.model import Model, Operator, Tensor

_LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
_DECODE = "TFLM_DECODE"
_SAME_PADDING = 0
_COPYING = frozenset({
    "CONCATENATION", "SPLIT", "SPLIT_V", "GATHER", "SLICE", "STRIDED_SLICE", "PAD", "PADV2",
})  # fmt: skip
_REDUCING = frozenset({"MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL"})


def macs(model: Model, operator: Operator) -> int:
    """Return the multiply-accumulate operations of an operator, padding included.

    Operators that multiply no weights or matrices have none.
    """
    if operator.name == _LSTM:
        return _lstm_macs(model, operator)
    if operator.name == "BATCH_MATMUL":
        return _matmul_macs(model, operator)
    weights = model.input(operator, 1) if operator.name in WEIGHTED else None
    output = _first_output(model, operator)
    if weights is None or output is None:
        return 0
    if operator.name == "CONV_2D":
        return output.elements * math.prod(weights.shape[1:])
    if operator.name == "DEPTHWISE_CONV_2D":
        return output.elements * math.prod(weights.shape[1:3])
    if operator.name == "TRANSPOSE_CONV":
        source = model.input(operator, 2)
        return (source.elements if source else 0) * math.prod(weights.shape[:3])
    if operator.name == "SVDF":
        time = model.input(operator, 2)
        return weights.elements + (time.elements if time else 0)
    return output.elements * (weights.shape[-1] if weights.shape else 0)


def terms(model: Model, operator: Operator) -> Mapping[str, float]:
    """Return what an operator does, by the names of the coefficients.

    Returns:
        ``fixed``: 1. ``out``, ``in``: values written, and read that are no constants. ``row``:
        rows of the output along its last dimension. ``mac``: multiply-accumulate operations,
        padding included. For what moves a window over an image, besides: ``inside``, those within
        the image; ``tap``: values of the window within the image, per output value; ``window``:
        the same per position; ``position``: places of the window; ``patch``: values of all
        windows, padding included; ``rest``: channels beyond a multiple of 4, per position.
        ``step``: of a sequence; ``unit``: the same, times units; ``feed`` and
        ``recur``: products with inputs, and with the state from the second step on; ``again``:
        units from the second step on. ``tail``:
        products beyond a multiple of 16 in a sum, per output value; ``odd``: products of the last
        position, if the number of positions is odd. ``stored``: bytes that a decoder reads;
        ``channel``: channels that it decodes. ``copy``: contiguous blocks that are moved.
        ``walk``: values read, times their dimensions.
    """
    outputs = [model.tensors[index] for index in operator.outputs]
    written = sum(tensor.elements for tensor in outputs)
    last = outputs[0].shape[-1] if outputs and outputs[0].shape else 1
    found: dict[str, float] = {
        "fixed": 1,
        "out": written,
        "in": sum(tensor.elements for tensor in inputs(model, operator) if tensor.data is None),
        "row": written / max(1, last),
        "mac": macs(model, operator),
    }
    if outputs and operator.name in _COPYING:
        found["copy"] = _copies(model, operator)
    if operator.name in _REDUCING:
        source = first_activation(model, operator)
        found["walk"] = source.elements * len(source.shape) if source is not None else 0
    if operator.name == _LSTM:
        found |= _sequence_terms(model, operator, last)
    if operator.name == _DECODE:
        found["stored"] = sum(
            len(model.tensors[index].data or b"") for index in operator.inputs[::2] if index >= 0
        )
        found["channel"] = sum(max(1, len(tensor.scales)) for tensor in outputs)
    return found | _window_terms(model, operator)


def _sequence_terms(model: Model, operator: Operator, units: int) -> dict[str, float]:
    steps = _steps(model, operator)
    gates = [model.input(operator, position) for position in range(1, 9)]
    feed, recur = (
        sum(tensor.elements for tensor in half if tensor is not None)
        for half in (gates[:4], gates[4:])
    )
    again = max(0, steps - 1)
    return {
        "step": steps, "unit": steps * units, "feed": steps * feed, "recur": again * recur,
        "again": again * units,
    }  # fmt: skip


def _window_terms(model: Model, operator: Operator) -> dict[str, float]:
    source, output = model.input(operator, 0), _first_output(model, operator)
    weights = model.input(operator, 1)
    options = operator.options
    if operator.name.endswith("_POOL_2D"):
        window = (options.get("filter_height", 1), options.get("filter_width", 1))
    elif operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D") and weights is not None:
        window = (weights.shape[1], weights.shape[2])
    else:
        return {}
    if source is None or output is None or len(source.shape) != 4 or len(output.shape) != 4:
        return {}
    inside = output.shape[0] * math.prod(
        _taps_inside(
            source.shape[1 + axis], output.shape[1 + axis], window[axis],
            options.get(f"stride_{side}", 1), options.get(f"dilation_{side}_factor", 1),
            same=options.get("padding", _SAME_PADDING) == _SAME_PADDING,
        )
        for axis, side in enumerate("hw")
    )  # fmt: skip
    positions, channels = math.prod(output.shape[:3]), output.shape[3]
    depth = source.shape[3]
    per_value = math.prod(window) * (depth if operator.name == "CONV_2D" else 1)
    return {
        "window": inside,
        "tap": inside * channels,
        "inside": inside * channels * (depth if operator.name == "CONV_2D" else 1),
        "position": positions,
        "patch": positions * math.prod(window) * depth,
        "rest": positions * (channels % 4),
        "tail": positions * channels * (per_value % 16),
        "odd": positions % 2 * channels * per_value,
    }


def _copies(model: Model, operator: Operator) -> int:
    """Return the blocks that are copied: up to the first dimension in which shapes differ."""
    sources = [tensor for tensor in inputs(model, operator) if tensor.data is None]
    output = model.output(operator)
    source = sources[0].shape if sources else output.shape
    if operator.name == "GATHER":
        outer, indices = source[: operator.options.get("axis", 0)], model.input(operator, 1)
        return math.prod(outer) * (indices.elements if indices is not None else 1)
    same = (before == after for before, after in zip(source, output.shape, strict=False))
    shared = len(list(takewhile(bool, same)))
    return math.prod(source[:shared]) * max(len(sources), len(operator.outputs))


def _taps_inside(
    size: int, places: int, window: int, stride: int, dilation: int, *, same: bool
) -> int:
    """Return how many values of a window lie within the image, over all places of a dimension."""
    reach = (window - 1) * dilation + 1
    before = max(0, (places - 1) * stride + reach - size) // 2 if same else 0
    return sum(
        0 <= place * stride - before + tap * dilation < size
        for place in range(places)
        for tap in range(window)
    )


def _first_output(model: Model, operator: Operator) -> Tensor | None:
    return model.output(operator) if operator.outputs else None


def _steps(model: Model, operator: Operator) -> int:
    source = model.input(operator, 0)
    return math.prod(source.shape[:-1]) if source is not None else 0


def _lstm_macs(model: Model, operator: Operator) -> int:
    """Four gates each multiply the input (weights 1 to 4) and the state (5 to 8), every step."""
    weights = [model.input(operator, position) for position in range(1, 9)]
    return _steps(model, operator) * sum(t.elements for t in weights if t is not None)


def _matmul_macs(model: Model, operator: Operator) -> int:
    left, output = model.input(operator, 0), _first_output(model, operator)
    if left is None or output is None or not left.shape:
        return 0
    inner = left.shape[-2] if operator.options.get("adj_x") else left.shape[-1]
    return output.elements * int(inner)
