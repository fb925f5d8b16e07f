"""Plain convolutional network."""

from typing import Literal

from pydantic import Field, model_validator

from autotiny.networks.families._base import Count, FamilyOptions, pair
from autotiny.networks.graph import Network, chain
from autotiny.networks.layers import Conv2D, Dense, Layer, Pool2D, Shape


class CnnOptions(FamilyOptions):
    """Options of the ``cnn`` family.

    Attributes:
        filters: Output channels of each convolution.
        kernel: Window of each convolution: one number or (height, width).
        strides: Stride of each convolution; 1 throughout when left out.
        head: How the last feature map reaches the classifier: its average, or all of it.
        batch_norm: Normalise after each convolution (folded away when lowered).
    """

    filters: tuple[Count, ...] = Field(default=(16, 32, 32), min_length=1)
    kernel: Count | tuple[Count, Count] = 3
    strides: tuple[Count, ...] | None = None
    head: Literal["average", "flatten"] = "average"
    batch_norm: bool = True

    @model_validator(mode="after")
    def _one_stride_per_convolution(self) -> "CnnOptions":
        if self.strides is not None and len(self.strides) != len(self.filters):
            raise ValueError(
                f"strides must name one stride per entry of filters ({len(self.filters)}); "
                f"got {len(self.strides)}"
            )
        return self


def build_cnn(options: CnnOptions, input_shape: Shape, classes: int) -> Network:
    """Return convolutions, an optional global average, and a classifier."""
    strides = options.strides or (1,) * len(options.filters)
    layers: list[Layer] = [
        Conv2D(
            f"conv{i}",
            filters,
            pair(options.kernel),
            pair(stride),
            batch_norm=options.batch_norm,
        )
        for i, (filters, stride) in enumerate(zip(options.filters, strides, strict=True))
    ]
    if options.head == "average":
        layers.append(Pool2D("pool", "average"))
    return chain(input_shape, (*layers, Dense("classifier", classes)))
