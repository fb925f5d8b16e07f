"""Other views of the same values."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autotiny.networks.layers._base import Channels, Layer, Shape, flattened

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties


@dataclass(frozen=True)
class Reshape(Layer):
    """The same values in another shape.

    Attributes:
        shape: Of the output, without batch.
    """

    shape: Shape

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``shape``."""
        if math.prod(inputs[0]) != math.prod(self.shape):
            raise ValueError(f"{self.name}: {inputs[0]} cannot become {self.shape}.")
        return self.shape

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return one channel a column: a column is cut whole or not at all."""
        if shapes[0][-1] == self.shape[-1]:
            return inputs[0]
        rows = flattened(inputs[0], shapes[0]).reshape(-1, self.shape[-1])
        for row in rows[1:]:
            ties.tie(rows[0], row)
        return np.asarray(rows[0], np.intp)

    def thinned(self, channels: int) -> "Reshape":
        """Return it with as many columns."""
        return dataclasses.replace(self, shape=(*self.shape[:-1], channels))


@dataclass(frozen=True)
class Flatten(Layer):
    """All values in a row, in their order."""

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return ``(size,)``."""
        return (math.prod(inputs[0]),)

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the input's, once for each position of its plane."""
        return flattened(inputs[0], shapes[0])
