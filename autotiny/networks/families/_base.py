"""What the options of every family share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from autotiny.networks.graph import INPUT, Network
from autotiny.networks.layers import Activation, Conv2D, Layer, Multiply, Pool2D, Shape, with_inputs

Count = Annotated[int, Field(ge=1, le=4096)]


class FamilyOptions(BaseModel):
    """The ``base:`` section of a search space; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return ``(n, n)`` for a single number."""
    return (value, value) if isinstance(value, int) else value


class Stack:
    """Layers on top of each other, with a way back to earlier tensors.

    Attributes:
        top: Name of the tensor that the next layer reads.
    """

    def __init__(self) -> None:
        self._layers: list[Layer] = []
        self.top = INPUT

    def add(self, layer: Layer, *inputs: str) -> str:
        """Put a layer on the top, or on other tensors, and return the name of what it gives."""
        self._layers.append(with_inputs(layer, inputs or (self.top,)))
        self.top = layer.name
        return self.top

    def network(self, input_shape: Shape) -> Network:
        """Return what was stacked."""
        return Network(input_shape, tuple(self._layers))


def add_squeeze_excitation(stack: Stack, name: str, channels: int, squeezed: int) -> None:
    """Weigh each channel by what all of them are like (Hu et al. 2018).

    The two small layers are 1x1 convolutions over a 1x1 plane, which spares RESHAPE operators.

    Args:
        stack: Its top is weighed.
        name: Prefix of the layers' names.
        channels: Of the top.
        squeezed: Channels in the middle.
    """
    source = stack.top
    stack.add(Pool2D(f"{name}_squeeze", "average"))
    stack.add(Conv2D(f"{name}_reduce", squeezed, (1, 1)))
    stack.add(Conv2D(f"{name}_expand", channels, (1, 1), activation="linear"))
    stack.add(Activation(f"{name}_gate", "sigmoid"))
    stack.add(Multiply(f"{name}_scale"), source, stack.top)


def require_signal(family: str, input_shape: Shape) -> None:
    """Raise ValueError unless samples are (time, 1, channels)."""
    if len(input_shape) != 3 or input_shape[1] != 1:
        raise ValueError(f"{family} needs signals, (time, channels)")
