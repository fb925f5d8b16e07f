"""MobileNetV1 (Howard et al. 2017): depthwise separable convolutions that grow as planes shrink."""

from pydantic import Field

from autotiny.networks.families._base import Count, FamilyOptions, Stack, pair
from autotiny.networks.graph import Network
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Pool2D, Shape

#: Filters and stride of each block of the paper, at width 1.
_BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
    (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class MobileNetV1Options(FamilyOptions):
    """Options of the ``mobilenet_v1`` family.

    Attributes:
        alpha: Width of the base model as a share of the paper's; MLPerf Tiny has 0.25.
        stem_filters: Channels of the first convolution at alpha 1.
        stem_stride: Its stride.
        blocks: Filters at alpha 1 and stride of each depthwise separable block.
        batch_norm: Normalise after each convolution (folded away when lowered).
    """

    alpha: float = Field(default=0.25, gt=0, le=1)
    stem_filters: Count = 32
    stem_stride: Count = 2
    blocks: tuple[tuple[Count, Count], ...] = Field(default=_BLOCKS, min_length=1)
    batch_norm: bool = True


def build_mobilenet_v1(options: MobileNetV1Options, input_shape: Shape, outputs: int) -> Network:
    """Return a stem, depthwise separable blocks, a global average and a dense layer."""
    norm, stack = options.batch_norm, Stack()

    def filters(count: int) -> int:
        return max(1, int(count * options.alpha))

    stem = filters(options.stem_filters)
    stack.add(Conv2D("stem", stem, (3, 3), pair(options.stem_stride), batch_norm=norm))
    for i, (count, stride) in enumerate(options.blocks):
        stack.add(DepthwiseConv2D(f"depthwise{i}", (3, 3), pair(stride), batch_norm=norm))
        stack.add(Conv2D(f"pointwise{i}", filters(count), (1, 1), batch_norm=norm))
    stack.add(Pool2D("pool", "average"))
    stack.add(Dense("classifier", outputs))
    return stack.network(input_shape)
