"""Probabilities at the end of a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autotiny.networks.layers._base import Channels, Layer, Shape

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties


@dataclass(frozen=True)
class Softmax(Layer):
    """Probabilities of classes; only ever the last layer, and only where it is asked for."""

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the input's."""
        return inputs[0]

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the input's, all of which stay."""
        ties.fix(inputs[0])
        return inputs[0]
