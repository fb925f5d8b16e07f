"""Temporal convolutional network (Bai et al. 2018): dilated, causal, residual."""

from pydantic import Field

from autotiny.networks.families._base import Count, FamilyOptions, Stack, require_signal
from autotiny.networks.graph import Network
from autotiny.networks.layers import Add, Conv2D, Dense, Pool2D, Shape, ZeroPad2D


class TcnOptions(FamilyOptions):
    """Options of the ``tcn`` family.

    Attributes:
        filters: Channels throughout.
        dilations: Of each residual block.
        kernel: Elements of a window.
        stem_stride: Stride of the first convolution, which makes the signal shorter.
        batch_norm: Normalise after each convolution (folded away when lowered).
    """

    filters: Count = 24
    dilations: tuple[Count, ...] = Field(default=(1, 2, 4, 8), min_length=1)
    kernel: Count = 3
    stem_stride: Count = 2
    batch_norm: bool = True


def build_tcn(options: TcnOptions, input_shape: Shape, outputs: int) -> Network:
    """Return a stem, residual blocks of two dilated causal convolutions, an average and dense.

    A convolution is causal since all of its padding comes before the signal.
    """
    require_signal("tcn", input_shape)
    stack, norm = Stack(), options.batch_norm
    size = (options.kernel, 1)

    def causal(name: str, dilation: int, **fields: object) -> None:
        stack.add(ZeroPad2D(f"{name}_pad", ((options.kernel - 1) * dilation, 0)))
        convolution = Conv2D(
            name, options.filters, size, padding="valid", dilation=(dilation, 1), batch_norm=norm,
            **fields,  # type: ignore[arg-type]
        )  # fmt: skip
        stack.add(convolution)

    stride = (options.stem_stride, 1)
    stack.add(Conv2D("stem", options.filters, size, stride, batch_norm=norm))
    for i, dilation in enumerate(options.dilations):
        source = stack.top
        causal(f"block{i}_conv0", dilation)
        causal(f"block{i}_conv1", dilation, activation="linear")
        stack.add(Add(f"block{i}_add", activation="relu"), source, stack.top)
    stack.add(Pool2D("pool", "average"))
    stack.add(Dense("classifier", outputs))
    return stack.network(input_shape)
