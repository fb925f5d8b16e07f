"""Tensors side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autotiny.networks.layers._base import Channels, Layer, Shape

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties


@dataclass(frozen=True)
class Concatenate(Layer):
    """The channels of several tensors of one plane, one after the other."""

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the plane with all channels."""
        if len(inputs) < 2 or len({shape[:-1] for shape in inputs}) > 1:
            raise ValueError(f"{self.name} needs inputs of one plane; got {inputs}.")
        return (*inputs[0][:-1], sum(shape[-1] for shape in inputs))

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return those of the inputs, one after the other."""
        return np.concatenate(inputs)
