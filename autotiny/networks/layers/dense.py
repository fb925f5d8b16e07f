"""Fully connected layer."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autotiny.networks.layers._base import ArraySpec, Channels, Shape, WeightLayer

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties


@dataclass(frozen=True)
class Dense(WeightLayer):
    """Fully connected layer over the flattened input; kernel array ``(in, units)``.

    Attributes:
        units: Outputs.
    """

    units: int

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(units,)``."""
        return (self.units,)

    def kernel_array(self, *inputs: Shape) -> ArraySpec:
        """Return ``(in, units)``."""
        return ArraySpec((math.prod(inputs[0]), self.units), ("in", "out"))

    def fan_in(self, kernel: Shape) -> int:
        """Return the inputs."""
        return kernel[0]

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return new channels."""
        return ties.fresh(self.name, self.units)

    def thinned(self, channels: int) -> "Dense":
        """Return it with as many units."""
        return dataclasses.replace(self, units=channels)
