"""Fire modules (SqueezeNet, Iandola et al. 2016): squeeze to few channels, expand in two ways."""

from pydantic import Field

from autotiny.networks.families._base import Count, FamilyOptions, Stack, pair
from autotiny.networks.graph import Network
from autotiny.networks.layers import Concatenate, Conv2D, Dense, Pool2D, Shape


class SqueezeOptions(FamilyOptions):
    """Options of the ``squeeze`` family.

    Attributes:
        stem_filters: Channels of the first convolution.
        stem_stride: Its stride.
        fires: Squeezed channels, channels of each expansion, and the pooling behind, of each
            module; a pooling of 1 is none.
        batch_norm: Normalise after each convolution (folded away when lowered).
    """

    stem_filters: Count = 24
    stem_stride: Count = 1
    fires: tuple[tuple[Count, Count, Count], ...] = Field(
        default=((8, 16, 2), (12, 24, 1), (12, 24, 1)), min_length=1
    )
    batch_norm: bool = True


def build_squeeze(options: SqueezeOptions, input_shape: Shape, outputs: int) -> Network:
    """Return a stem, fire modules, a global average and a dense layer."""
    stack, norm = Stack(), options.batch_norm
    stack.add(
        Conv2D("stem", options.stem_filters, (3, 3), pair(options.stem_stride), batch_norm=norm)
    )
    for i, (squeezed, expanded, pooling) in enumerate(options.fires):
        squeeze = stack.add(Conv2D(f"fire{i}_squeeze", squeezed, (1, 1), batch_norm=norm))
        near = stack.add(Conv2D(f"fire{i}_expand1", expanded, (1, 1), batch_norm=norm), squeeze)
        far = stack.add(Conv2D(f"fire{i}_expand3", expanded, (3, 3), batch_norm=norm), squeeze)
        stack.add(Concatenate(f"fire{i}"), near, far)
        if pooling > 1:
            stack.add(Pool2D(f"fire{i}_pool", "max", pair(pooling), padding="same"))
    stack.add(Pool2D("pool", "average"))
    stack.add(Dense("classifier", outputs))
    return stack.network(input_shape)
