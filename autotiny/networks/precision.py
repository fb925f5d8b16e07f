"""How many bits each layer's weights and activations get."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class LayerPrecision:
    """Precision of one layer.

    Attributes:
        weight_bits: 8; 4 where a kernel unpacks it; 4, 3, 2 or 1 as a look-up table.
        activation_bits: 8 or 16, of the layer's input and output.
        clustered: Weights take at most ``2**weight_bits`` values found by k-means and are stored
            as int8 behind a look-up table; otherwise they lie on the uniform grid.
    """

    weight_bits: int = 8
    activation_bits: int = 8
    clustered: bool = False

    def __str__(self) -> str:
        return f"w{self.weight_bits}{'c' if self.clustered else ''}a{self.activation_bits}"


#: What a layer has unless a plan says otherwise.
INT8 = LayerPrecision()

#: Layer name to precision; a layer that is not named is int8.
PrecisionPlan = Mapping[str, LayerPrecision]
