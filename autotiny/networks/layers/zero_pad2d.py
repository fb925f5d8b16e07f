"""Zeros around a plane."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autotiny.networks.layers._base import Channels, Layer, Shape, require_plane

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties


@dataclass(frozen=True)
class ZeroPad2D(Layer):
    """Zeros around a plane, as causal convolutions and some image networks want them.

    Attributes:
        height: Rows above and below.
        width: Columns to the left and right.
    """

    height: tuple[int, int] = (0, 0)
    width: tuple[int, int] = (0, 0)

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the larger plane."""
        require_plane(self, inputs[0])
        height, width, channels = inputs[0]
        return height + sum(self.height), width + sum(self.width), channels

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the input's."""
        return inputs[0]
