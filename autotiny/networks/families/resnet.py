"""Residual network (He et al. 2016) for small images, as in MLPerf Tiny image classification."""

from pydantic import Field

from autotiny.networks.families._base import Count, FamilyOptions, Stack, pair
from autotiny.networks.graph import Network
from autotiny.networks.layers import Add, Conv2D, Dense, Pool2D, Shape


class ResnetOptions(FamilyOptions):
    """Options of the ``resnet`` family; the defaults are MLPerf Tiny's ResNet-8.

    Attributes:
        filters: Channels of each stage.
        blocks: Residual blocks of each stage; 1 gives ResNet-8, 3 ResNet-20.
        strides: Stride of each stage; 1 and then 2 throughout when left out.
        kernel: Window of the convolutions.
        batch_norm: Normalise after each convolution but the shortcuts (folded away when lowered).
    """

    filters: tuple[Count, ...] = Field(default=(16, 32, 64), min_length=1)
    blocks: Count = Field(default=1, le=32)
    strides: tuple[Count, ...] | None = None
    kernel: Count | tuple[Count, Count] = 3
    batch_norm: bool = True


def build_resnet(options: ResnetOptions, input_shape: Shape, outputs: int) -> Network:
    """Return a stem, stages of residual blocks, a global average and a dense layer."""
    strides = options.strides or (1, *(2 for _ in options.filters[1:]))
    if len(strides) != len(options.filters):
        raise ValueError(
            f"strides must name one stride per entry of filters ({len(options.filters)}); got "
            f"{len(strides)}"
        )
    stack, window, norm = Stack(), pair(options.kernel), options.batch_norm
    channels = options.filters[0]
    stack.add(Conv2D("stem", channels, window, batch_norm=norm))
    for stage, (filters, first_stride) in enumerate(zip(options.filters, strides, strict=True)):
        for block in range(options.blocks):
            name, stride = f"stage{stage}_block{block}", first_stride if block == 0 else 1
            source = stack.top
            stack.add(Conv2D(f"{name}_conv0", filters, window, pair(stride), batch_norm=norm))
            branch = stack.add(
                Conv2D(f"{name}_conv1", filters, window, activation="linear", batch_norm=norm)
            )
            if stride != 1 or channels != filters:
                shortcut = Conv2D(
                    f"{name}_shortcut", filters, (1, 1), pair(stride), activation="linear"
                )
                source = stack.add(shortcut, source)
            stack.add(Add(f"{name}_add", activation="relu"), source, branch)
            channels = filters
    stack.add(Pool2D("pool", "average"))
    stack.add(Dense("classifier", outputs))
    return stack.network(input_shape)
