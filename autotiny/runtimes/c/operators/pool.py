"""AVERAGE_POOL_2D, MAX_POOL_2D and MEAN."""

from collections.abc import Sequence

import numpy as np

from autotiny.runtimes.c.fixed_point import activation_range, mean_multiplier, scale_and_zero_point
from autotiny.runtimes.c.operators._base import (
    EITHER,
    Context,
    one_width,
    plane,
    refused,
    window_start,
)
from autotiny.runtimes.c.program import Step, overlap_margin, window_starts
from autotiny.tflite.model import Operator


def pool(context: Context, operator: Operator) -> Sequence[Step]:
    """Read a pool over windows; what lies outside the input does not count."""
    source, slot = context.activation(operator, types=EITHER)
    sink, output = context.result(operator, EITHER)
    widths = one_width(operator, source, sink)
    if source.scales != sink.scales or source.zero_points != sink.zero_points:
        raise refused(operator, "its input and output have different scales")
    (in_h, in_w, channels), (out_h, out_w, _) = plane(operator, source), plane(operator, sink)
    options = operator.options
    window_h, window_w = options.get("filter_height", 0), options.get("filter_width", 0)
    stride_h, stride_w = options.get("stride_h", 1), options.get("stride_w", 1)
    padding = options.get("padding", 0)
    low, high = activation_range(sink, options.get("fused_activation_function", 0))
    before_h = window_start(padding, in_h, stride_h, window_h, out_h)
    before_w = window_start(padding, in_w, stride_w, window_w, out_w)
    inside_h = (out_h - 1) * stride_h + window_h <= in_h
    inside_w = (out_w - 1) * stride_w + window_w <= in_w
    numbers = {
        "pads": int(before_h > 0 or before_w > 0 or not inside_h or not inside_w),
        "values": window_h * window_w,
        "in_h": in_h, "in_w": in_w, "in_c": channels, "out_h": out_h, "out_w": out_w,
        "window_h": window_h, "window_w": window_w, "stride_h": stride_h, "stride_w": stride_w,
        "before_h": before_h, "before_w": before_w, "low": low, "high": high,
    }  # fmt: skip
    first = (window_starts(numbers)[..., None] + np.arange(channels)).ravel()
    margin = overlap_margin(first, widths)
    kernel = "max_pool" if operator.name == "MAX_POOL_2D" else "average_pool"
    return [Step(kernel, (slot,), output, numbers, margins=(margin,), widths=widths)]


def mean(context: Context, operator: Operator) -> Sequence[Step]:
    """Read a mean over neighbouring dimensions."""
    source, slot = context.activation(operator)
    axes_tensor = context.tensor(operator, 1)
    sink, output = context.result(operator)
    if axes_tensor.data is None:
        raise refused(operator, "its axes are computed")
    rank = len(source.shape)
    axes = sorted({int(a) % rank for a in np.frombuffer(axes_tensor.data, "<i4")})
    if not axes or axes != list(range(axes[0], axes[-1] + 1)):
        raise refused(operator, f"its axes {axes} are no neighbours")
    count = int(np.prod(source.shape[axes[0] : axes[-1] + 1]))
    inner = int(np.prod(source.shape[axes[-1] + 1 :]))
    outer = source.elements // (count * inner)
    factor = mean_multiplier(source, sink, count)
    zero, out_zero = scale_and_zero_point(source)[1], scale_and_zero_point(sink)[1]
    numbers = {
        "outer": outer, "count": count, "inner": inner, "offset": -zero * count,
        "multiplier": factor.value, "shift": -factor.exponent, "out_zero": out_zero,
    }  # fmt: skip
    first = np.arange(outer)[:, None] * count * inner + np.arange(inner)
    return [Step("mean", (slot,), output, numbers, margins=(overlap_margin(first.ravel()),))]
