"""Depthwise separable CNN, as in MLPerf Tiny keyword spotting (Zhang et al. 2017, Hello Edge)."""

from pydantic import Field

from autotiny.networks.families._base import Count, FamilyOptions, pair
from autotiny.networks.graph import Network, chain
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Layer, Pool2D, Shape


class DsCnnOptions(FamilyOptions):
    """Options of the ``ds_cnn`` family.

    Attributes:
        filters: Channels of the stem and of every block.
        blocks: Number of depthwise + pointwise pairs.
        stem_kernel: Window of the first convolution: one number or (height, width).
        stem_stride: Its stride.
        kernel: Window of the depthwise convolutions.
        batch_norm: Normalise after each convolution (folded away when lowered).
    """

    filters: Count = 64
    blocks: int = Field(default=4, ge=1, le=32)
    stem_kernel: Count | tuple[Count, Count] = (10, 4)
    stem_stride: Count | tuple[Count, Count] = 2
    kernel: Count | tuple[Count, Count] = 3
    batch_norm: bool = True


def build_ds_cnn(options: DsCnnOptions, input_shape: Shape, classes: int) -> Network:
    """Return a stem, depthwise separable blocks, a global average and a classifier."""
    norm = options.batch_norm
    layers: list[Layer] = [
        Conv2D(
            "stem",
            options.filters,
            pair(options.stem_kernel),
            pair(options.stem_stride),
            batch_norm=norm,
        )
    ]
    for i in range(options.blocks):
        layers.append(DepthwiseConv2D(f"depthwise{i}", pair(options.kernel), batch_norm=norm))
        layers.append(Conv2D(f"pointwise{i}", options.filters, (1, 1), batch_norm=norm))
    return chain(input_shape, (*layers, Pool2D("pool", "average"), Dense("classifier", classes)))
