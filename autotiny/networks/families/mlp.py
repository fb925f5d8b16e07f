"""Multi-layer perceptron."""

from autotiny.networks.families._base import Count, FamilyOptions
from autotiny.networks.graph import Network, chain
from autotiny.networks.layers import Dense, Shape


class MlpOptions(FamilyOptions):
    """Options of the ``mlp`` family.

    Attributes:
        units: Width of each hidden layer.
        batch_norm: Normalise after each hidden layer (folded away when lowered).
    """

    units: tuple[Count, ...] = (64, 32)
    batch_norm: bool = True


def build_mlp(options: MlpOptions, input_shape: Shape, classes: int) -> Network:
    """Return dense layers over the flattened sample."""
    hidden = tuple(
        Dense(f"dense{i}", units, activation="relu", batch_norm=options.batch_norm)
        for i, units in enumerate(options.units)
    )
    return chain(input_shape, (*hidden, Dense("classifier", classes)))
