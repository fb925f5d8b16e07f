"""A model as the steps that its C code takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.signedinteger] | NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Step:
    """One call of a kernel.

    Attributes:
        kernel: Name of the kernel, a file in ``kernels/``.
        inputs: Activations that it reads, by slot.
        output: Activation that it writes, a slot.
        numbers: Integers that the kernel needs, by name.
        arrays: Constant arrays that it needs, by name.
        margins: For each input, how far behind the input's first byte the output may begin while
            both lie in the same place (less than 0: it must begin so much before it); None where
            they must lie apart.
        macs: Multiply-accumulate operations.
        largest: No value that is rescaled is further from zero; 0 is far less than 2^30.
        scratch: Bytes that it needs for itself while it runs.
        in_place: The output may lie exactly where the first input lies, and nowhere else over it.
        label: Name of its weights in the model, if it has any.
        operator: Name of the model's operator that it does, or is a part of.
        variant: Form of the kernel that does it: of each form a function is written.
        own: It is worth a function with all its numbers written in, which steps that differ in
            arrays alone may share.
        cold: It is so little of the work that its function is best small.
        widths: Bytes of a value of its inputs and of its output: 1 or 2.
        reduced: Its factors have 16 bits, and sums are rounded once, as those of 64 bits are.
    """

    kernel: str
    inputs: tuple[int, ...]
    output: int
    numbers: Mapping[str, int]
    arrays: Mapping[str, Integers] = field(default_factory=dict)
    margins: tuple[int | None, ...] = ()
    macs: int = 0
    variant: str = ""
    largest: int = 0
    scratch: int = 0
    in_place: bool = False
    label: str = ""
    operator: str = ""
    own: bool = False
    cold: bool = False
    widths: tuple[int, int] = (1, 1)
    reduced: bool = False


@dataclass(frozen=True)
class Edge:
    """The input or the output of a model.

    Attributes:
        slot: Its slot.
        shape: Its shape, batch included.
        scale: ``real = scale * (q - zero_point)``.
        zero_point: See ``scale``.
    """

    slot: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Program:
    """A model as steps.

    Attributes:
        steps: In order of execution.
        sizes: Bytes of each activation, by slot.
        wide: Slots of activations of two bytes a value.
        input: What the caller gives.
        output: What the caller gets.
    """

    steps: tuple[Step, ...]
    sizes: Mapping[int, int]
    input: Edge
    output: Edge
    wide: frozenset[int] = frozenset()

    def scratch_slot(self, place: int) -> int | None:
        """Return the slot of a step's scratch, a number below zero; None if it needs none."""
        return -place - 1 if self.steps[place].scratch else None

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of an inference."""
        return sum(step.macs for step in self.steps)


def window_starts(numbers: Mapping[str, int]) -> Integers:
    """Return the first value that each place's window reads, ``(out_h, out_w)``.

    Args:
        numbers: ``out_…``, ``stride_…`` and ``before_…`` of both axes, ``in_w`` and ``in_c``.
    """
    n = numbers
    rows = np.maximum(np.arange(n["out_h"]) * n["stride_h"] - n["before_h"], 0)
    columns = np.maximum(np.arange(n["out_w"]) * n["stride_w"] - n["before_w"], 0)
    starts: Integers = (rows[:, None] * n["in_w"] + columns[None, :]) * n["in_c"]
    return starts


def overlap_margin(first_read: Sequence[int] | Integers, widths: tuple[int, int] = (1, 1)) -> int:
    """Return how far behind its input's first byte an output may begin, in place.

    Args:
        first_read: For each output value, in the order in which they are computed and lie, the
            first value of the input that this computation or a later one of the same row reads.
        widths: Bytes of a value of the input, and of the output.

    A value is written when nothing behind it needs what lies there: the output's place ``e`` must
    be before all that is read for ``e + 1`` and later.
    """
    source, sink = widths
    reads = np.asarray(first_read, np.int64)
    later = np.minimum.accumulate(reads[::-1])[::-1]
    if len(later) == 1:
        return 1 << 30  # the only value is written when everything is read
    ends = np.arange(1, len(later)) * sink
    return int((later[1:] * source - ends).min())
