"""ADD, SUB and MUL of two tensors; one may be spread over the other, one may be constant."""

from collections.abc import Sequence

from autotiny.runtimes.c.fixed_point import (
    activation_range,
    quantize_multiplier,
    scale_and_zero_point,
)
from autotiny.runtimes.c.operators._base import Context, int8_values, refused
from autotiny.runtimes.c.program import Integers, Step
from autotiny.tflite.model import Operator, Tensor

#: Bits that int8 inputs are raised by before they are rescaled.
_LEFT = 20


def add(context: Context, operator: Operator) -> Sequence[Step]:
    """Read ADD or SUB."""
    return _two(context, operator, "add")


def multiply(context: Context, operator: Operator) -> Sequence[Step]:
    """Read MUL."""
    return _two(context, operator, "multiply")


def _two(context: Context, operator: Operator, kernel: str) -> Sequence[Step]:
    tensors = (context.tensor(operator, 0), context.tensor(operator, 1))
    computed = [i for i, tensor in enumerate(tensors) if tensor.index in context.slots]
    if not computed:
        raise refused(operator, "both its inputs are float32 or constants")
    first, second = (tensors[computed[0]], tensors[1 - computed[0]])  # a constant is the second
    slots = tuple(context.activation(operator, i)[1] for i in computed)
    sink, output = context.result(operator)
    wide, narrow = (first, second) if first.elements >= second.elements else (second, first)
    if wide.elements != sink.elements or not _spreads(wide.shape, narrow.shape):
        raise refused(operator, f"it joins shapes {first.shape} and {second.shape}")
    if kernel == "add":
        signs = (1, -1) if operator.name == "SUB" else (1, 1)
        numbers = _sum(operator, first, second, sink)
        numbers |= {"sign_1": signs[computed[0]], "sign_2": signs[1 - computed[0]]}
    else:
        numbers = _product(first, second, sink)
    low, high = activation_range(sink, operator.options.get("fused_activation_function", 0))
    numbers |= {
        "count": wide.elements, "period_1": first.elements, "period_2": second.elements,
        "zero_1": scale_and_zero_point(first)[1], "zero_2": scale_and_zero_point(second)[1],
        "out_zero": scale_and_zero_point(sink)[1], "low": low, "high": high,
    }  # fmt: skip
    margins = tuple(0 if tensors[i].elements == sink.elements else None for i in computed)
    arrays: dict[str, Integers] = {}
    if len(slots) == 1:
        arrays["constant"] = int8_values(operator, second).ravel()
    variant = "constant" if arrays else ""
    return [Step(kernel, slots, output, numbers, arrays, margins, variant=variant)]


def _spreads(wide: tuple[int, ...], narrow: tuple[int, ...]) -> bool:
    """Whether the narrow tensor repeats over the wide one: it has its last dimensions, and 1s."""
    padded = (1,) * (len(wide) - len(narrow)) + narrow
    if len(padded) != len(wide):
        return False
    same = [a == b for a, b in zip(wide, padded, strict=True)]
    first = next((i for i, size in enumerate(padded) if size != 1), len(padded))
    return all(same[first:])


def _sum(operator: Operator, first: Tensor, second: Tensor, sink: Tensor) -> dict[str, int]:
    scales = [scale_and_zero_point(tensor)[0] for tensor in (first, second, sink)]
    # Of SUB, too, in double precision, where its source computes in single: as TFLM is built.
    twice = 2 * max(scales[0], scales[1])
    reals = [scales[0] / twice, scales[1] / twice, twice / ((1 << _LEFT) * scales[2])]
    one, two, out = (quantize_multiplier(real) for real in reals)
    if out.exponent > 0:
        raise refused(operator, "its output is more than a million times finer than its inputs")
    return {
        "multiplier_1": one.value, "shift_1": -one.exponent,
        "multiplier_2": two.value, "shift_2": -two.exponent,
        "multiplier": out.value, "shift": -out.exponent,
    }  # fmt: skip


def _product(first: Tensor, second: Tensor, sink: Tensor) -> dict[str, int]:
    scales = [scale_and_zero_point(tensor)[0] for tensor in (first, second, sink)]
    factor = quantize_multiplier(scales[0] * scales[1] / scales[2])
    return {"multiplier": factor.value, "shift": -factor.exponent}
