"""Convolutions over time, for signals: two-dimensional ones over (time, 1, channels)."""

from typing import Literal

from pydantic import Field

from autotiny.networks.families._base import Count, FamilyOptions, Stack, require_signal
from autotiny.networks.graph import Network
from autotiny.networks.layers import Conv2D, Dense, Pool2D, Shape


class Cnn1dOptions(FamilyOptions):
    """Options of the ``cnn1d`` family.

    Attributes:
        filters: Output channels of each convolution.
        kernel: Steps that a window spans.
        stride: Stride of the first convolution.
        pooling: Steps of the max pooling behind each convolution but the last; 1 is none.
        head: How the last feature map reaches the dense layer: its average, or all of it.
        batch_norm: Normalise after each convolution (folded away when lowered).
    """

    filters: tuple[Count, ...] = Field(default=(16, 32, 32), min_length=1)
    kernel: Count = 5
    stride: Count = 1
    pooling: Count = 2
    head: Literal["average", "flatten"] = "average"
    batch_norm: bool = True


def build_cnn1d(options: Cnn1dOptions, input_shape: Shape, outputs: int) -> Network:
    """Return convolutions and pools over time, a global average and a dense layer."""
    require_signal("cnn1d", input_shape)
    stack = Stack()
    for i, filters in enumerate(options.filters):
        stride = (options.stride if i == 0 else 1, 1)
        stack.add(
            Conv2D(f"conv{i}", filters, (options.kernel, 1), stride, batch_norm=options.batch_norm)
        )
        if options.pooling > 1 and i + 1 < len(options.filters):
            window = (options.pooling, 1)
            stack.add(Pool2D(f"pool{i}", "max", window, padding="same"))
    if options.head == "average":
        stack.add(Pool2D("pool", "average"))
    stack.add(Dense("classifier", outputs))
    return stack.network(input_shape)
