"""PRELU: what is below zero times a factor of its own channel."""

from collections.abc import Sequence

import numpy as np

from autotiny.runtimes.c.fixed_point import quantize_multiplier, scale_and_zero_point
from autotiny.runtimes.c.operators._base import Context, int8_values, refused
from autotiny.runtimes.c.program import Step
from autotiny.tflite.model import Operator


def prelu(context: Context, operator: Operator) -> Sequence[Step]:
    """Read a PRELU whose factors are constants that repeat over the input."""
    source, slot = context.activation(operator)
    alpha = context.tensor(operator, 1)
    values = int8_values(operator, alpha)
    sink, output = context.result(operator)
    padded = (1,) * (len(source.shape) - alpha.shape.__len__()) + alpha.shape
    first = next((i for i, size in enumerate(padded) if size != 1), len(padded))
    if padded[first:] != source.shape[first:]:
        raise refused(operator, f"its factors of shape {alpha.shape} do not repeat over the input")
    in_scale, in_zero = scale_and_zero_point(source)
    out_scale, out_zero = scale_and_zero_point(sink)
    alpha_scale, alpha_zero = scale_and_zero_point(alpha)
    above = quantize_multiplier(in_scale / out_scale)
    below = quantize_multiplier(in_scale * alpha_scale / out_scale)
    numbers = {
        "count": source.elements, "period": values.size, "zero": in_zero, "out_zero": out_zero,
        "multiplier_1": above.value, "shift_1": -above.exponent,
        "multiplier_2": below.value, "shift_2": -below.exponent,
    }  # fmt: skip
    factors = (values.ravel().astype(np.int16) - alpha_zero).astype(np.int16)
    return [Step("prelu", (slot,), output, numbers, {"alpha": factors}, (0,))]
