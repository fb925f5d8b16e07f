"""SOFTMAX of int8: exponentials from a table, one reciprocal for each row."""

from collections.abc import Sequence

from autotiny.runtimes.c.fixed_point import scale_and_zero_point, softmax_exponentials
from autotiny.runtimes.c.operators._base import Context, refused
from autotiny.runtimes.c.program import Step
from autotiny.tflite.model import Operator


def softmax(context: Context, operator: Operator) -> Sequence[Step]:
    """Read a softmax over the last dimension."""
    source, slot = context.activation(operator)
    sink, output = context.result(operator)
    if scale_and_zero_point(sink) != (1 / 256, -128):
        raise refused(operator, "its output must have scale 1/256 and zero point -128")
    depth = source.shape[-1] if source.shape else 1
    if depth > 4096:
        raise refused(operator, f"it has {depth} classes, and its sum holds 4,096")
    beta = float(operator.options.get("beta", 0.0))
    exponentials = softmax_exponentials(scale_and_zero_point(source)[0], beta)
    numbers = {"rows": source.elements // depth, "depth": depth, "differences": len(exponentials)}
    return [Step("softmax", (slot,), output, numbers, {"exponential": exponentials}, (0,))]
