"""The kernels: one template here for each, whose fields are numbers and arrays of a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autotiny.runtimes.c.kernels._weighted import (
    choose_forms,
    compact_factors,
    interleave_terms,
    shifts_alone,
)
from autotiny.runtimes.c.program import Step


@dataclass(frozen=True)
class Kernel:
    """How the steps of one kernel become C.

    Attributes:
        shifts: Numbers and arrays that are shifts to the right, which decide how values are
            rescaled.
        needs: Helpers that it calls besides.
        forms: Decides which form of the kernel does each of its steps.
        hoists: Its function reads the fields of a structure once: faster, and larger.
        words: Arrays that it reads as 32 bits, whatever they hold.
        compact: Makes the steps of one form smaller before they are written.
    """

    shifts: tuple[str, ...] = ()
    needs: tuple[str, ...] = ("clamped",)
    forms: Callable[[Sequence[Step]], Sequence[Step]] = lambda steps: steps
    compact: Callable[[Sequence[Step]], Sequence[Step]] = lambda steps: steps
    hoists: bool = False
    words: tuple[str, ...] = ()


#: Every kernel by the name of its template.
KERNELS: dict[str, Kernel] = {
    "weighted": Kernel(("shift", "least_shift"), forms=choose_forms, compact=compact_factors),
    "patches": Kernel(
        ("terms", "least_shift"),
        ("clamped", "dsp"),
        compact=interleave_terms,
        hoists=True,
        words=("terms",),
    ),
    "row": Kernel(
        ("shift",),
        ("clamped", "dsp", "dot", "units"),
        forms=choose_forms,
        compact=shifts_alone,
        hoists=True,
    ),
    "depthwise_3x3": Kernel(
        ("shift",),
        ("clamped", "dsp", "low_low", "low_high", "high_low", "high_high"),
        forms=choose_forms,
        compact=shifts_alone,
        hoists=True,
    ),
    "max_pool": Kernel(),
    "average_pool": Kernel(),
    "mean": Kernel(("shift",)),
    "add": Kernel(("shift_1", "shift_2", "shift")),
    "multiply": Kernel(("shift",)),
    "requantize": Kernel(("shift",)),
    "prelu": Kernel(("shift_1", "shift_2")),
    "clamp": Kernel(),
    "table": Kernel(needs=()),
    "copy": Kernel(needs=()),
    "pad": Kernel(needs=()),
    "softmax": Kernel(needs=("clamped", "high", "halved", "reciprocal")),
}
