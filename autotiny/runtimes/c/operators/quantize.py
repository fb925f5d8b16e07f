"""QUANTIZE: the same values under another scale, or in more or fewer bits."""

from collections.abc import Sequence

from autotiny.runtimes.c.fixed_point import LIMITS, quantize_multiplier, scale_and_zero_point
from autotiny.runtimes.c.operators._base import EITHER, WIDTHS, Context
from autotiny.runtimes.c.operators.tables import table
from autotiny.runtimes.c.program import Step, overlap_margin
from autotiny.tflite.model import Operator


def quantize(context: Context, operator: Operator) -> Sequence[Step]:
    """Read a QUANTIZE: of int8 to int8 a table, else one value after the other."""
    if operator.inputs[0] in context.islands:
        return table(context, operator)
    source, slot = context.activation(operator, types=EITHER)
    sink, output = context.result(operator, EITHER)
    widths = WIDTHS[source.type], WIDTHS[sink.type]
    if widths == (1, 1):
        return table(context, operator)
    (in_scale, zero), (out_scale, out_zero) = map(scale_and_zero_point, (source, sink))
    factor = quantize_multiplier(in_scale / out_scale)
    low, high = LIMITS[sink.type]
    numbers = {
        "count": sink.elements, "zero": zero, "out_zero": out_zero, "low": low, "high": high,
        "multiplier": factor.value, "shift": -factor.exponent,
    }  # fmt: skip
    margin = overlap_margin(range(sink.elements), widths)
    return [Step("requantize", (slot,), output, numbers, margins=(margin,), widths=widths)]
