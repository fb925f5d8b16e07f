"""What the reader of one operator gets and gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes.c.program import Step
from autotiny.tflite.model import Model, Operator, Tensor

#: Numbers of ``Padding`` in the schema.
SAME, VALID = 0, 1


@dataclass(frozen=True)
class Island:
    """Float values that depend on one int8 value each.

    Attributes:
        source: Where that comes from.
        slot: Its slot.
        operators: What makes the float values of it.
    """

    source: Tensor
    slot: int
    operators: tuple[Operator, ...]


@dataclass
class Context:
    """A model while it is read.

    Attributes:
        model: The model.
        slots: Slot of each activation so far; views of one another share theirs.
        islands: How each float activation so far is made.
    """

    model: Model
    slots: dict[int, int] = field(default_factory=dict)
    islands: dict[int, Island] = field(default_factory=dict)

    def tensor(self, operator: Operator, position: int) -> Tensor:
        """Return an input.

        Raises:
            UnsupportedModelError: If it is left out.
        """
        found = self.model.input(operator, position)
        if found is None:
            raise refused(operator, f"it leaves input {position} out")
        return found

    def activation(
        self, operator: Operator, position: int = 0, types: Sequence[str] = ("int8",)
    ) -> tuple[Tensor, int]:
        """Return an input that is computed, and its slot.

        Args:
            operator: Its reader.
            position: Of the input.
            types: What it may be.

        Raises:
            UnsupportedModelError: If it is a constant or of another type.
        """
        tensor = self.tensor(operator, position)
        if tensor.index not in self.slots:
            what = "a constant" if tensor.data is not None else tensor.type
            raise refused(operator, f"its input {position} is {what}")
        require_type(operator, tensor, types)
        return tensor, self.slots[tensor.index]

    def result(self, operator: Operator, types: Sequence[str] = ("int8",)) -> tuple[Tensor, int]:
        """Return the output and its new slot.

        Raises:
            UnsupportedModelError: If it is of another type, or there are several.
        """
        if len(operator.outputs) != 1:
            raise refused(operator, f"it has {len(operator.outputs)} outputs")
        tensor = self.model.output(operator)
        require_type(operator, tensor, types)
        self.slots[tensor.index] = tensor.index
        return tensor, tensor.index


#: Reads one operator: the steps it takes, none where its output is another view of its input.
OperatorReader = Callable[[Context, Operator], Sequence[Step]]


def refused(operator: Operator, why: str) -> UnsupportedModelError:
    """Return the error of an operator that the runtime has not in this form."""
    return UnsupportedModelError(
        f"The c runtime cannot run operator {operator.index} ({operator.name}): {why}; the tflm "
        "runtime may."
    )


#: Types of activations where both are taken, and the bytes of a value.
EITHER = ("int8", "int16")
WIDTHS = {"int8": 1, "int16": 2}


def require_type(operator: Operator, tensor: Tensor, types: Sequence[str]) -> None:
    """Refuse an activation of another type."""
    if tensor.type not in types:
        allowed = " or ".join(types)
        raise refused(operator, f"tensor {tensor.index} is {tensor.type}, not {allowed}")


def one_width(operator: Operator, source: Tensor, sink: Tensor) -> tuple[int, int]:
    """Return the bytes of a value of an operator's input and output, which are the same.

    Raises:
        UnsupportedModelError: If they are not.
    """
    if source.type != sink.type:
        raise refused(operator, f"it turns {source.type} into {sink.type}")
    return WIDTHS[source.type], WIDTHS[sink.type]


def int8_values(operator: Operator, tensor: Tensor) -> NDArray[np.int8]:
    """Return constant weights as int8, in their shape; packed 4-bit ones are widened.

    Raises:
        UnsupportedModelError: If they are no constant, or of another type.
    """
    if tensor.data is None:
        raise refused(operator, "its weights are computed")
    raw = np.frombuffer(tensor.data, np.int8)
    if tensor.type == "int4":  # the first of two in the low half
        raw = np.stack([raw << 4 >> 4, raw >> 4], axis=-1).ravel()
    elif tensor.type != "int8":
        raise refused(operator, f"its weights are {tensor.type}, not int8 or int4")
    return raw[: tensor.elements].reshape(tensor.shape)


def window_start(padding: int, size: int, stride: int, window: int, out: int) -> int:
    """Return how many places a window begins before the first value of one dimension.

    Args:
        padding: Schema number.
        size: Of the input.
        stride: Of the window.
        window: Its extent, dilation counted in.
        out: Of the output.
    """
    if padding == VALID:
        return 0
    return max((out - 1) * stride + window - size, 0) // 2


def plane(operator: Operator, tensor: Tensor) -> tuple[int, int, int]:
    """Return (height, width, channels) of a tensor of rank 4 and batch 1.

    Raises:
        UnsupportedModelError: If it has another shape.
    """
    if len(tensor.shape) != 4 or tensor.shape[0] != 1:
        raise refused(operator, f"tensor {tensor.index} has shape {tensor.shape}, not (1, h, w, c)")
    return tensor.shape[1], tensor.shape[2], tensor.shape[3]
