"""Functions of one value: a table of 256 entries, which TFLM itself computes."""

from collections.abc import Sequence

import numpy as np

from autotiny.runtimes.c.operators._base import Context
from autotiny.runtimes.c.operators._one import outputs_of_all_inputs
from autotiny.runtimes.c.program import Step
from autotiny.tflite.model import Operator


def table(context: Context, operator: Operator) -> Sequence[Step]:
    """Read an operator whose every output value depends on one input value alone.

    RELU that only cuts off is a comparison; everything else is looked up.
    """
    source, slot = context.activation(operator)
    sink, output = context.result(operator)
    values = outputs_of_all_inputs(operator, source, sink)
    inputs = np.arange(-128, 128)
    low, high = int(values.min()), int(values.max())
    if np.array_equal(values, np.clip(inputs, low, high)):
        if (low, high) == (-128, 127):
            context.slots[sink.index] = slot
            return []
        numbers = {"count": sink.elements, "low": low, "high": high}
        return [Step("clamp", (slot,), output, numbers, margins=(0,))]
    numbers = {"count": sink.elements}
    return [Step("table", (slot,), output, numbers, {"table": values}, margins=(0,))]
