"""Product of tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autotiny.networks.layers._base import ActivatedLayer, Channels, Shape

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties


@dataclass(frozen=True)
class Multiply(ActivatedLayer):
    """Product of a tensor and one of the same shape, or of one value for each of its channels.

    The second is ``(1, 1, channels)`` in squeeze-and-excitation (Hu et al. 2018).
    """

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the larger shape."""
        if len(inputs) == 2:
            first, second = inputs
            if first == second or (len(first) == 3 and second == (1, 1, first[-1])):
                return first
            if len(second) == 3 and first == (1, 1, second[-1]):
                return second
        raise ValueError(
            f"{self.name} needs two inputs of one shape, or (height, width, channels) and "
            f"(1, 1, channels); got {inputs}."
        )

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the first's, each tied to the second's beside it."""
        ties.tie(inputs[0], inputs[1])
        return inputs[0]
