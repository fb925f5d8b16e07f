"""Difference of tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autotiny.networks.layers._base import ActivatedLayer, Channels, Shape

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties


@dataclass(frozen=True)
class Subtract(ActivatedLayer):
    """The first tensor less the second, both of one shape."""

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape that both have."""
        if len(inputs) != 2 or inputs[0] != inputs[1]:
            raise ValueError(f"{self.name} needs two inputs of one shape; got {inputs}.")
        return inputs[0]

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the first's, each tied to the second's beside it."""
        ties.tie(inputs[0], inputs[1])
        return inputs[0]
