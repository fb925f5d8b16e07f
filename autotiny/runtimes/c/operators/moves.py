"""CONCATENATION, PAD, RESHAPE and their like: values go elsewhere, unchanged."""

from collections.abc import Sequence

import numpy as np

from autotiny.runtimes.c.fixed_point import scale_and_zero_point
from autotiny.runtimes.c.operators._base import EITHER, Context, one_width, refused
from autotiny.runtimes.c.program import Step
from autotiny.tflite.model import Operator


def view(context: Context, operator: Operator) -> Sequence[Step]:
    """Read an operator that changes the shape alone."""
    source, slot = context.activation(operator, types=EITHER)
    sink, _ = context.result(operator, EITHER)
    one_width(operator, source, sink)
    if source.elements != sink.elements:
        raise refused(operator, f"it turns {source.elements} values into {sink.elements}")
    context.slots[sink.index] = slot
    return []


def of_shapes(context: Context, operator: Operator) -> Sequence[Step]:
    """Read what converters write to compute a RESHAPE's shape: sizes are fixed here, so nothing.

    Raises:
        UnsupportedModelError: If it computes anything but int32 sizes.
    """
    for index in operator.outputs:
        if context.model.tensors[index].type != "int32":
            raise refused(operator, "it is known where it computes shapes alone")
    return []


def concatenation(context: Context, operator: Operator) -> Sequence[Step]:
    """Read a concatenation: one step for each input, which copies its rows."""
    sink, output = context.result(operator, EITHER)
    if operator.options.get("fused_activation_function", 0):
        raise refused(operator, "it has a fused activation")
    rank = len(sink.shape)
    axis = operator.options.get("axis", 0) % rank
    inner = int(np.prod(sink.shape[axis + 1 :]))
    stride, begin, steps = sink.shape[axis] * inner, 0, []
    for position in range(len(operator.inputs)):
        source, slot = context.activation(operator, position, EITHER)
        width = one_width(operator, source, sink)[0]
        if len(source.shape) != rank:
            raise refused(operator, f"it joins shapes of rank {len(source.shape)} and {rank}")
        row = source.shape[axis] * inner
        numbers = {
            "rows": source.elements // row, "row": row * width, "stride": stride * width,
            "begin": begin * width,
        }  # fmt: skip
        steps.append(Step("copy", (slot,), output, numbers, margins=(None,)))
        begin += row
    return steps


def pad(context: Context, operator: Operator) -> Sequence[Step]:
    """Read a padding of the plane with the value that stands for zero."""
    source, slot = context.activation(operator, types=EITHER)
    around_tensor = context.tensor(operator, 1)
    sink, output = context.result(operator, EITHER)
    width = one_width(operator, source, sink)[0]
    if around_tensor.data is None or around_tensor.type != "int32":
        raise refused(operator, "its paddings are no int32 constant")
    around = np.frombuffer(around_tensor.data, "<i4").reshape(-1, 2)
    if len(source.shape) != 4 or source.shape[0] != 1 or len(around) != 4 or around[0].any():
        raise refused(operator, f"it pads shape {source.shape} by {around.tolist()}")
    fill = scale_and_zero_point(sink)[1]
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        value = context.tensor(operator, 2)
        if value.data is None or value.type != sink.type:
            raise refused(operator, f"its value is no {sink.type} constant")
        fill = int(np.frombuffer(value.data, sink.type)[0])
    if width == 2 and fill not in (0, -1):  # one byte repeated
        raise refused(operator, f"it pads 16-bit values with {fill}")
    _, in_h, in_w, in_c = source.shape
    in_c, out_w, out_c = in_c * width, sink.shape[2], sink.shape[3] * width
    numbers = {
        "in_h": in_h, "row": in_w * in_c, "depth": in_c,
        "columns": in_w, "before": int(around[3][0]) * width, "out_c": out_c,
        "top": int(around[1][0]) * out_w * out_c, "left": int(around[2][0]) * out_c,
        "stride": out_w * out_c, "count": sink.elements * width, "fill": fill,
    }  # fmt: skip
    return [Step("pad", (slot,), output, numbers, margins=(None,))]
