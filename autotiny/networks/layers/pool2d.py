"""Max and average pooling."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from autotiny.networks.layers._base import Channels, Layer, Padding, Shape, plane, require_plane

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties


@dataclass(frozen=True)
class Pool2D(Layer):
    """Max or average pooling; averages leave padding out.

    Attributes:
        kind: What becomes of a window.
        size: Height and width of the window; None pools the whole plane to 1x1.
        stride: Steps of the window; None is its size.
        padding: ``same`` pads to the input's size over the stride.
    """

    kind: Literal["max", "average"]
    size: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    padding: Padding = "valid"

    def window(self, shape: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return size and stride over an input of that shape."""
        require_plane(self, shape)
        size = self.size or (shape[0], shape[1])
        return size, self.stride or size

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(height, width, in)``."""
        size, stride = self.window(inputs[0])
        return (*plane(self, inputs[0], size, stride, self.padding), inputs[0][-1])

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the input's."""
        return inputs[0]
