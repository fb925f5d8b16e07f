"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: sums of inputs times weights, then rescaled.

All are one kernel: a filter's window slides over the input and reads ``depth`` channels from the
first of its group on. A depthwise convolution has as many groups as channels, a dense layer a
plane of one point.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from autotiny.runtimes.c.fixed_point import (
    LIMITS,
    Multiplier,
    activation_range,
    filter_multipliers,
    reduced,
    scale_and_zero_point,
)
from autotiny.runtimes.c.operators._base import (
    EITHER,
    Context,
    int8_values,
    one_width,
    plane,
    refused,
    window_start,
)
from autotiny.runtimes.c.program import Step, overlap_margin, window_starts
from autotiny.tflite.model import Operator, Tensor

#: Sums of 64 bits are shifted to the right by 15 less the factor's exponent.
_MOST_EXPONENT = 14
#: Its number among types of tensors.
_INT32 = 2
#: What sums may reach: where they have 32 bits, and where 64 bits are multiplied by 16.
_MOST, _MOST_LONG = 1 << 31, 1 << 47
#: In place of a factor of zero, as converters give it to channels that are always zero; the filter
#: is made zero instead.
_NOTHING = Multiplier(1 << 30, -1)


@dataclass(frozen=True)
class _Sum:
    """What the three operators have alike.

    Attributes:
        operator: The operator.
        source: Its input, and that one's slot.
        kernel: Its weights as a tensor.
        weights: Their values.
        sink: Its output, and that one's slot.
    """

    operator: Operator
    source: tuple[Tensor, int]
    kernel: Tensor
    weights: NDArray[np.int8]
    sink: tuple[Tensor, int]

    @classmethod
    def of(cls, context: Context, operator: Operator) -> "_Sum":
        kernel = context.tensor(operator, 1)
        return cls(
            operator,
            context.activation(operator, types=EITHER),
            kernel,
            int8_values(operator, kernel),
            context.result(operator, EITHER),
        )


def convolution(context: Context, operator: Operator) -> Sequence[Step]:
    """Read CONV_2D; fewer channels in a filter than in the input are groups."""
    read = _Sum.of(context, operator)
    in_c = plane(operator, read.source[0])[2]
    filters, _, _, depth = read.weights.shape
    if in_c % depth or filters % (in_c // depth):
        raise refused(operator, f"{filters} filters of {depth} channels do not divide {in_c}")
    return [_over_a_plane(context, read, in_c // depth)]


def depthwise(context: Context, operator: Operator) -> Sequence[Step]:
    """Read DEPTHWISE_CONV_2D."""
    read = _Sum.of(context, operator)
    channels, shape = plane(operator, read.source[0])[2], read.weights.shape
    if shape[0] != 1 or shape[3] % channels:
        raise refused(operator, f"its weights have shape {shape}")
    turned = np.ascontiguousarray(
        read.weights.transpose(3, 1, 2, 0)
    )  # a filter of one channel each
    return [_over_a_plane(context, replace(read, weights=turned), channels)]


def dense(context: Context, operator: Operator) -> Sequence[Step]:
    """Read FULLY_CONNECTED: of a vector, or of each of several."""
    read = _Sum.of(context, operator)
    (filters, features), elements = read.weights.shape, read.source[0].elements
    if elements % features:
        raise refused(operator, f"{elements} inputs are no multiple of {features}")
    rows = elements // features
    wide = replace(read, weights=read.weights.reshape(filters, 1, 1, features))
    numbers = _window(operator, (rows, 1, features), (rows, 1), wide.weights.shape, dense=True)
    return [_weighted(context, wide, numbers, 1)]


def _over_a_plane(context: Context, read: _Sum, groups: int) -> Step:
    source, sink = plane(read.operator, read.source[0]), plane(read.operator, read.sink[0])
    numbers = _window(read.operator, source, sink[:2], read.weights.shape, dense=False)
    return _weighted(context, read, numbers, groups)


def _window(
    operator: Operator,
    source: tuple[int, int, int],
    out: tuple[int, int],
    weights: tuple[int, ...],
    *,
    dense: bool,
) -> dict[str, int]:
    options = operator.options
    (in_h, in_w, in_c), (out_h, out_w) = source, out
    stride_h, stride_w = options.get("stride_h", 1), options.get("stride_w", 1)
    dilation_h = options.get("dilation_h_factor", 1)
    dilation_w = options.get("dilation_w_factor", 1)
    window_h, window_w = weights[1], weights[2]
    padding = 1 if dense else options.get("padding", 0)
    span_h, span_w = (window_h - 1) * dilation_h + 1, (window_w - 1) * dilation_w + 1
    return {
        "in_h": in_h, "in_w": in_w, "in_c": in_c, "out_h": out_h, "out_w": out_w,
        "filters": weights[0], "window_h": window_h, "window_w": window_w, "depth": weights[3],
        "stride_h": stride_h, "stride_w": stride_w,
        "dilation_h": dilation_h, "dilation_w": dilation_w,
        "before_h": window_start(padding, in_h, stride_h, span_h, out_h),
        "before_w": window_start(padding, in_w, stride_w, span_w, out_w),
    }  # fmt: skip


def _weighted(context: Context, read: _Sum, numbers: dict[str, int], groups: int) -> Step:
    operator, source, kernel, sink = read.operator, read.source, read.kernel, read.sink
    weights = read.weights
    n = numbers
    widths = one_width(operator, source[0], sink[0])
    if widths[0] == 2 and kernel.type != "int8":
        raise refused(operator, f"its weights are {kernel.type} under 16-bit activations")
    reduces = widths[0] == 2 and not _sums_have_32_bits(context, operator)
    factors = filter_multipliers(source[0], kernel, sink[0])
    if len(factors) not in (1, len(weights)):
        raise refused(operator, f"it has {len(factors)} scales for {len(weights)} filters")
    zero = scale_and_zero_point(source[0])[1]
    dead = np.array([factor.value == 0 for factor in factors])
    flat = np.where(dead[:, None], np.int8(0), weights.reshape(len(weights), -1))
    bias = np.where(dead, 0, _bias(context, operator, source[0], len(weights)))
    sums = bias - zero * flat.sum(axis=1, dtype=np.int64)
    most = -LIMITS[source[0].type][0]
    largest = np.abs(sums) + most * np.abs(flat.astype(np.int64)).sum(axis=1)
    if int(largest.max()) >= (_MOST_LONG if reduces else _MOST):
        raise refused(operator, f"its sums may exceed {48 if reduces else 32} bits")
    if int(np.abs(sums).max()) >= _MOST:
        raise refused(operator, "its biases exceed 32 bits")
    low, high = activation_range(sink[0], operator.options.get("fused_activation_function", 0))
    numbers |= {
        "per_group": len(weights) // groups, "zero": zero, "pads": int(_pads(n)),
        "out_zero": scale_and_zero_point(sink[0])[1], "low": low, "high": high,
    }  # fmt: skip
    used = [_NOTHING if factor.value == 0 else factor for factor in factors]
    if reduces:
        used = [reduced(factor) for factor in used]
        if max(factor.exponent for factor in used) > _MOST_EXPONENT:
            raise refused(operator, "its output is far finer than its input and weights")
    arrays = {
        "weights": flat,
        "bias": sums.astype(np.int32),
        "multiplier": np.array([factor.value for factor in used], np.int32),
        "shift": np.array([-factor.exponent for factor in used], np.int8),
    }
    macs = n["out_h"] * n["out_w"] * flat.size
    margin = _margin(numbers, widths)
    return Step(
        "weighted",
        (source[1],),
        sink[1],
        numbers,
        arrays,
        (margin,),
        macs,
        label=kernel.name,
        largest=int(largest.max()),
        widths=widths,
        reduced=reduces,
    )


def _sums_have_32_bits(context: Context, operator: Operator) -> bool:
    """Whether TFLM adds products of 16-bit activations up in as many bits as biases have: in 32."""
    tensor = context.model.input(operator, 2)
    if tensor is None:
        return bool(operator.options.get("quantized_bias_type", 0) == _INT32)
    return tensor.type == "int32"


def _bias(context: Context, operator: Operator, source: Tensor, filters: int) -> NDArray[np.int64]:
    tensor = context.model.input(operator, 2)
    if tensor is None:
        return np.zeros(filters, np.int64)
    kinds = {"int32": "<i4"}
    if source.type == "int16":  # depthwise kernels would read others as if they were these
        kinds = {"int64": "<i8"} | (kinds if operator.name != "DEPTHWISE_CONV_2D" else {})
    if tensor.data is None or tensor.type not in kinds or tensor.elements != filters:
        raise refused(operator, f"its bias is {tensor.type} of shape {tensor.shape}")
    return np.frombuffer(tensor.data, kinds[tensor.type], filters).astype(np.int64)


def _pads(n: dict[str, int]) -> bool:
    """Whether any window leaves the input."""

    def leaves(axis: str) -> bool:
        span = (n[f"window_{axis}"] - 1) * n[f"dilation_{axis}"]
        last = (n[f"out_{axis}"] - 1) * n[f"stride_{axis}"] - n[f"before_{axis}"] + span
        return n[f"before_{axis}"] > 0 or last >= n[f"in_{axis}"]

    return leaves("h") or leaves("w")


def _margin(n: dict[str, int], widths: tuple[int, int]) -> int:
    """Return the margin for outputs in order of place, then filter."""
    group = np.arange(n["filters"]) // n["per_group"] * n["depth"]
    return overlap_margin((window_starts(n)[..., None] + group).ravel(), widths)
