"""Depthwise convolution."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from autotiny.networks.layers._base import (
    ArraySpec,
    Channels,
    FusedActivation,
    Padding,
    Shape,
    WeightLayer,
    plane,
)

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties


@dataclass(frozen=True)
class DepthwiseConv2D(WeightLayer):
    """Depthwise convolution; kernel array ``(height, width, in, multiplier)``.

    Attributes:
        kernel: Height and width of the window.
        stride: Steps of the window.
        padding: ``same`` pads with zeros to the input's size over the stride.
        dilation: Steps between the window's elements.
        multiplier: Outputs of each input channel; those of one channel lie side by side.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: Padding = "same"
    activation: FusedActivation = field(default="relu", kw_only=True)
    dilation: tuple[int, int] = field(default=(1, 1), kw_only=True)
    multiplier: int = field(default=1, kw_only=True)

    channel_axis = 2

    @property
    def window(self) -> tuple[int, int]:
        """Height and width that the window spans, with dilation."""
        (height, width), (down, right) = self.kernel, self.dilation
        return (height - 1) * down + 1, (width - 1) * right + 1

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(height, width, in * multiplier)``."""
        size = plane(self, inputs[0], self.window, self.stride, self.padding)
        return (*size, inputs[0][-1] * self.multiplier)

    def kernel_array(self, *inputs: Shape) -> ArraySpec:
        """Return ``(height, width, in, multiplier)``."""
        shape = (*self.kernel, inputs[0][-1], self.multiplier)
        return ArraySpec(shape, (None, None, "in", None))

    def fan_in(self, kernel: Shape) -> int:
        """Return the size of the window."""
        return math.prod(kernel[:2])

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return each input channel as often as it gives outputs."""
        return np.repeat(inputs[0], self.multiplier)
