"""MobileNetV2 (Sandler et al. 2018): inverted residuals with linear bottlenecks."""

from pydantic import Field

from autotiny.networks.families._base import (
    Count,
    FamilyOptions,
    Stack,
    add_squeeze_excitation,
    pair,
)
from autotiny.networks.graph import Network
from autotiny.networks.layers import Add, Conv2D, Dense, DepthwiseConv2D, Pool2D, Shape


class MobileNetV2Options(FamilyOptions):
    """Options of the ``mobilenet_v2`` family.

    Attributes:
        stem_filters: Channels of the first convolution.
        stem_stride: Its stride.
        blocks: Expansion, filters, repeats and stride of each row, as in the paper's table 2; the
            stride is that of a row's first block.
        head_filters: Channels of the last 1x1 convolution; 0 leaves it out.
        kernel: Window of the depthwise convolutions.
        squeeze_excitation: Channels of squeeze-and-excitation are the block's over this; 0 is none.
        batch_norm: Normalise after each convolution (folded away when lowered).
    """

    stem_filters: Count = 16
    stem_stride: Count = 1
    blocks: tuple[tuple[Count, Count, Count, Count], ...] = Field(
        default=((1, 8, 1, 1), (4, 12, 2, 2), (4, 20, 2, 2)), min_length=1
    )
    head_filters: int = Field(default=64, ge=0, le=4096)
    kernel: Count | tuple[Count, Count] = 3
    squeeze_excitation: int = Field(default=0, ge=0, le=64)
    batch_norm: bool = True


def build_mobilenet_v2(options: MobileNetV2Options, input_shape: Shape, outputs: int) -> Network:
    """Return a stem, inverted residual blocks, a 1x1 convolution, a global average, dense."""
    norm, stack = options.batch_norm, Stack()
    channels = options.stem_filters
    stem = Conv2D(
        "stem", channels, (3, 3), pair(options.stem_stride), activation="relu6", batch_norm=norm
    )
    stack.add(stem)
    number = 0
    for expansion, filters, repeats, first_stride in options.blocks:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            _add_block(stack, options, f"block{number}", (channels, expansion, filters), stride)
            channels, number = filters, number + 1
    if options.head_filters:
        head = Conv2D("head", options.head_filters, (1, 1), activation="relu6", batch_norm=norm)
        stack.add(head)
    stack.add(Pool2D("pool", "average"))
    stack.add(Dense("classifier", outputs))
    return stack.network(input_shape)


def _add_block(
    stack: Stack, options: MobileNetV2Options, name: str, sizes: tuple[int, int, int], stride: int
) -> None:
    """Expand, filter each channel, project; add the input where shapes allow."""
    channels, expansion, filters = sizes
    norm, source, wide = options.batch_norm, stack.top, channels * expansion
    if expansion > 1:
        stack.add(Conv2D(f"{name}_expand", wide, (1, 1), activation="relu6", batch_norm=norm))
    depthwise = DepthwiseConv2D(
        f"{name}_depthwise", pair(options.kernel), pair(stride), activation="relu6", batch_norm=norm
    )
    stack.add(depthwise)
    if options.squeeze_excitation:
        squeezed = max(1, wide // options.squeeze_excitation)
        add_squeeze_excitation(stack, name, wide, squeezed)
    stack.add(Conv2D(f"{name}_project", filters, (1, 1), activation="linear", batch_norm=norm))
    if stride == 1 and channels == filters:
        stack.add(Add(f"{name}_add"), source, stack.top)
