"""Activations on their own, which no operator before them can compute."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from autotiny.networks.layers._base import ArraySpec, Channels, Layer, Shape

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties

ActivationFunction = Literal["relu", "relu6", "leaky_relu", "hard_swish", "sigmoid", "tanh"]
ACTIVATION_FUNCTIONS: tuple[str, ...] = get_args(ActivationFunction)


@dataclass(frozen=True)
class Activation(Layer):
    """One function of every value.

    Attributes:
        function: Which.
        slope: Of leaky ReLU below 0.
    """

    function: ActivationFunction
    slope: float = field(default=0.0, kw_only=True)

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the input's."""
        return inputs[0]

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the input's."""
        return inputs[0]


@dataclass(frozen=True)
class PRelu(Layer):
    """ReLU with a learnt slope below 0 (He et al. 2015); array ``alpha``.

    Attributes:
        shared: One slope a channel; otherwise one for each value of the input.
    """

    shared: bool = field(default=True, kw_only=True)

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the input's."""
        return inputs[0]

    def arrays(self, *inputs: Shape) -> dict[str, ArraySpec]:
        """Return ``alpha``: ``(channels,)`` or the input's shape."""
        shape = inputs[0][-1:] if self.shared else inputs[0]
        return {"alpha": ArraySpec(shape, (*(None for _ in shape[1:]), "out"))}

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the input's."""
        return inputs[0]
