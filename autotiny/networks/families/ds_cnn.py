"""Depthwise separable CNN, as in MLPerf Tiny keyword spotting (Zhang et al. 2017, Hello Edge)."""

from pydantic import Field

from autotiny.networks.families._base import (
    Count,
    FamilyOptions,
    Stack,
    add_squeeze_excitation,
    pair,
)
from autotiny.networks.graph import Network
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Pool2D, Shape


class DsCnnOptions(FamilyOptions):
    """Options of the ``ds_cnn`` family.

    Attributes:
        filters: Channels of the stem and of every block.
        blocks: Number of depthwise + pointwise pairs.
        stem_kernel: Window of the first convolution: one number or (height, width).
        stem_stride: Its stride.
        kernel: Window of the depthwise convolutions.
        squeeze_excitation: Channels of squeeze-and-excitation behind each depthwise convolution are
            ``filters`` over this; 0 is none.
        batch_norm: Normalise after each convolution (folded away when lowered).
    """

    filters: Count = 64
    blocks: int = Field(default=4, ge=1, le=32)
    stem_kernel: Count | tuple[Count, Count] = (10, 4)
    stem_stride: Count | tuple[Count, Count] = 2
    kernel: Count | tuple[Count, Count] = 3
    squeeze_excitation: int = Field(default=0, ge=0, le=64)
    batch_norm: bool = True


def build_ds_cnn(options: DsCnnOptions, input_shape: Shape, outputs: int) -> Network:
    """Return a stem, depthwise separable blocks, a global average and a classifier."""
    norm, filters, stack = options.batch_norm, options.filters, Stack()
    window, stride = pair(options.stem_kernel), pair(options.stem_stride)
    stack.add(Conv2D("stem", filters, window, stride, batch_norm=norm))
    for i in range(options.blocks):
        stack.add(DepthwiseConv2D(f"depthwise{i}", pair(options.kernel), batch_norm=norm))
        if options.squeeze_excitation:
            squeezed = max(1, filters // options.squeeze_excitation)
            add_squeeze_excitation(stack, f"squeeze{i}", filters, squeezed)
        stack.add(Conv2D(f"pointwise{i}", filters, (1, 1), batch_norm=norm))
    stack.add(Pool2D("pool", "average"))
    stack.add(Dense("classifier", outputs))
    return stack.network(input_shape)
