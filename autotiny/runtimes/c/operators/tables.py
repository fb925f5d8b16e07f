"""Functions of one value: a table of 256 entries, which TFLM itself computes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autotiny.runtimes.c.fixed_point import activation_range
from autotiny.runtimes.c.operators._base import Context, Island, one_width, refused
from autotiny.runtimes.c.operators._one import outputs_of_all_inputs
from autotiny.runtimes.c.program import Step
from autotiny.tflite.model import Operator

#: Its number among fused activations.
_RELU6 = 3


def dequantize(context: Context, operator: Operator) -> Sequence[Step]:
    """Read a DEQUANTIZE: float values begin, which must end in a QUANTIZE."""
    source, slot = context.activation(operator)
    if context.model.output(operator).type != "float32":
        raise refused(operator, "its output is not float32")
    context.islands[operator.outputs[0]] = Island(source, slot, (operator,))
    return []


def table(context: Context, operator: Operator) -> Sequence[Step]:
    """Read an operator whose every output value depends on one input value alone.

    RELU that only cuts off is a comparison; everything else is looked up. Of float values between
    a DEQUANTIZE and a QUANTIZE the last one is told, and gives the table of all.
    """
    island = context.islands.get(operator.inputs[0])
    if island is not None and context.model.output(operator).type == "float32":
        context.islands[operator.outputs[0]] = replace(
            island, operators=(*island.operators, operator)
        )
        return []
    if operator.name == "RELU6" and context.tensor(operator, 0).type == "int16":
        return _relu6(context, operator)
    if island is None:
        source, slot = context.activation(operator)
        operators: tuple[Operator, ...] = (operator,)
    else:
        source, slot, operators = island.source, island.slot, (*island.operators, operator)
    sink, output = context.result(operator)
    told = "+".join(each.name for each in operators[1:-1])  # what lies between the conversions
    values = outputs_of_all_inputs(operators, source, sink)
    inputs = np.arange(-128, 128)
    low, high = int(values.min()), int(values.max())
    if np.array_equal(values, np.clip(inputs, low, high)):
        if (low, high) == (-128, 127):
            context.slots[sink.index] = slot
            return []
        numbers = {"count": sink.elements, "low": low, "high": high}
        return [Step("clamp", (slot,), output, numbers, margins=(0,), operator=told)]
    numbers, arrays = {"count": sink.elements}, {"table": values}
    return [Step("table", (slot,), output, numbers, arrays, margins=(0,), operator=told)]


def _relu6(context: Context, operator: Operator) -> Sequence[Step]:
    """Read RELU6 of 16-bit values: TFLM cuts integers off, and rescales nothing."""
    source, slot = context.activation(operator, types=("int16",))
    sink, output = context.result(operator, ("int16",))
    widths = one_width(operator, source, sink)
    low, high = activation_range(source, _RELU6)
    numbers = {"count": sink.elements, "low": low, "high": high}
    return [Step("clamp", (slot,), output, numbers, margins=(0,), widths=widths)]
