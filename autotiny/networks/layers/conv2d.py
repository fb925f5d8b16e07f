"""Convolution."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from autotiny.networks.layers._base import (
    ArraySpec,
    Axis,
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
class Conv2D(WeightLayer):
    """Convolution; kernel array ``(height, width, in / groups, filters)``.

    Attributes:
        filters: Output channels.
        kernel: Height and width of the window.
        stride: Steps of the window.
        padding: ``same`` pads with zeros to the input's size over the stride.
        dilation: Steps between the window's elements.
        groups: Parts of the input channels; each part has as many filters of its own.
    """

    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: Padding = "same"
    activation: FusedActivation = field(default="relu", kw_only=True)
    dilation: tuple[int, int] = field(default=(1, 1), kw_only=True)
    groups: int = field(default=1, kw_only=True)

    @property
    def window(self) -> tuple[int, int]:
        """Height and width that the window spans, with dilation."""
        (height, width), (down, right) = self.kernel, self.dilation
        return (height - 1) * down + 1, (width - 1) * right + 1

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(height, width, filters)``."""
        size = plane(self, inputs[0], self.window, self.stride, self.padding)
        if inputs[0][-1] % self.groups or self.filters % self.groups:
            raise ValueError(
                f"{self.name}: {inputs[0][-1]} input channels and {self.filters} filters must both "
                f"be divisible by {self.groups} groups."
            )
        return (*size, self.filters)

    def kernel_array(self, *inputs: Shape) -> ArraySpec:
        """Return ``(height, width, in / groups, filters)``; whole groups are cut, if any."""
        axis: Axis = "in" if self.groups == 1 else None
        shape = (*self.kernel, inputs[0][-1] // self.groups, self.filters)
        return ArraySpec(shape, (None, None, axis, "out"))

    def fan_in(self, kernel: Shape) -> int:
        """Return the size of one filter."""
        return kernel[0] * kernel[1] * kernel[2]

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return new channels; those of a group are tied to each other and to its inputs."""
        made = ties.fresh(self.name, self.filters)
        if self.groups > 1:
            parts = zip(np.split(inputs[0], self.groups), np.split(made, self.groups), strict=True)
            for part in parts:
                ties.tie_all(np.concatenate(part))
        return made

    def thinned(self, channels: int) -> "Conv2D":
        """Return it with as many filters, and with the groups that stay."""
        groups = self.groups * channels // self.filters
        return dataclasses.replace(self, filters=channels, groups=max(1, groups))
