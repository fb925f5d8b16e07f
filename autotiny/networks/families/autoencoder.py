"""Autoencoder of dense layers, as in MLPerf Tiny anomaly detection."""

from pydantic import Field

from autotiny.networks.families._base import Count, FamilyOptions, Stack
from autotiny.networks.graph import Network
from autotiny.networks.layers import Dense, Shape


class AutoencoderOptions(FamilyOptions):
    """Options of the ``autoencoder`` family; the defaults are MLPerf Tiny's.

    Attributes:
        units: Width of each layer of the encoder; the decoder has them in reverse.
        code: Width of the bottleneck.
        batch_norm: Normalise after each hidden layer (folded away when lowered).
    """

    units: tuple[Count, ...] = Field(default=(128, 128, 128, 128), min_length=1)
    code: Count = 8
    batch_norm: bool = True


def build_autoencoder(options: AutoencoderOptions, input_shape: Shape, outputs: int) -> Network:
    """Return encoder, bottleneck, decoder and a linear layer of as many values as asked for."""
    stack = Stack()
    widths = {f"encoder{i}": units for i, units in enumerate(options.units)}
    widths["code"] = options.code
    widths |= {f"decoder{i}": units for i, units in enumerate(reversed(options.units))}
    for name, units in widths.items():
        stack.add(Dense(name, units, activation="relu", batch_norm=options.batch_norm))
    stack.add(Dense("reconstruction", outputs))
    return stack.network(input_shape)
