"""What every kind of layer says of itself.

A kind is one frozen dataclass in a file of its own, registered in ``layers/__init__.py``. It says
what follows from shapes alone; what it computes is a row in ``training/forward.py``, how it is
written a row in ``lowering/operators.py``.
"""

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties

Shape = tuple[int, ...]
#: An activation that an operator computes by itself, at no cost.
FusedActivation = Literal["linear", "relu", "relu6"]
Padding = Literal["same", "valid"]
#: What an axis of an array runs over: the layer's input or output channels, or neither.
Axis = Literal["in", "out"] | None
#: Numbers of channels, one for each element of a tensor's last axis; see ``channels``.
Channels = NDArray[np.intp]


@dataclass(frozen=True)
class ArraySpec:
    """One array of a layer.

    Attributes:
        shape: Its shape.
        axes: What each axis runs over. An axis over the inputs of a layer that flattens runs over
            the flattened input.
    """

    shape: Shape
    axes: tuple[Axis, ...]


@dataclass(frozen=True)
class Layer:
    """A node of a network.

    Attributes:
        name: Unique within the network; also the name of the tensor it gives.
        inputs: Names of the tensors it reads, in order.
    """

    name: str
    inputs: tuple[str, ...] = field(default=(), kw_only=True)

    @abstractmethod
    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape of the output for inputs of these shapes, all without batch.

        Raises:
            ValueError: If the layer cannot take them.
        """

    @abstractmethod
    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the channels of the output, having tied those that must be cut together.

        Args:
            ties: Gives new channels, ties and fixes them.
            inputs: Channels of each input.
            shapes: Shape of each input.
        """

    def arrays(self, *inputs: Shape) -> dict[str, ArraySpec]:
        """Return the layer's arrays by kind."""
        return {}

    def macs(self, *inputs: Shape) -> int:
        """Return multiply-accumulate operations per sample."""
        return 0

    def thinned(self, channels: int) -> "Layer":
        """Return the layer with an output of that many channels.

        Only a layer that says how many there are changes; the others follow their inputs.
        """
        return self


@dataclass(frozen=True)
class ActivatedLayer(Layer):
    """A layer whose operator can compute an activation by itself.

    Attributes:
        activation: What is applied to the output.
    """

    activation: FusedActivation = field(default="linear", kw_only=True)


@dataclass(frozen=True)
class PairLayer(ActivatedLayer):
    """Two tensors of one shape, joined value by value."""

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the shape that both have."""
        if len(inputs) != 2 or inputs[0] != inputs[1]:
            raise ValueError(f"{self.name} needs two inputs of one shape; got {inputs}.")
        return inputs[0]

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the first's, each tied to the second's beside it."""
        ties.tie(inputs[0], inputs[1])
        return inputs[0]


@dataclass(frozen=True)
class WeightLayer(ActivatedLayer):
    """A layer with a kernel, which has a precision and an encoding, and a bias or batch norm.

    Attributes:
        batch_norm: Whether batch norm stands in the place of the bias.
    """

    batch_norm: bool = field(default=False, kw_only=True)

    #: Axis of the kernel that its output channels lie on, for scales; -1 is the last.
    channel_axis = -1

    @abstractmethod
    def kernel_array(self, *inputs: Shape) -> ArraySpec:
        """Return the kernel's array."""

    @abstractmethod
    def fan_in(self, kernel: Shape) -> int:
        """Return how many weights one output sums over."""

    def arrays(self, *inputs: Shape) -> dict[str, ArraySpec]:
        """Return the kernel, and a bias or the four arrays of a batch norm."""
        kinds = ("gamma", "beta", "mean", "variance") if self.batch_norm else ("bias",)
        vector = ArraySpec((self.output_shape(*inputs)[-1],), ("out",))
        return {"kernel": self.kernel_array(*inputs)} | dict.fromkeys(kinds, vector)

    def macs(self, *inputs: Shape) -> int:
        """Return the kernel's size for each position of the output plane."""
        positions = math.prod(self.output_shape(*inputs)[:-1])
        return positions * math.prod(self.kernel_array(*inputs).shape)


def plane(
    layer: Layer, shape: Shape, window: tuple[int, int], stride: tuple[int, int], padding: Padding
) -> tuple[int, int]:
    """Return height and width that a sliding window gives.

    Raises:
        ValueError: If the input is no plane of channels or the window does not fit.
    """
    require_plane(layer, shape)
    sides = [
        -(-n // s) if padding == "same" else (n - k) // s + 1
        for n, k, s in zip(shape, window, stride, strict=False)
    ]
    if min(sides) < 1:
        raise ValueError(f"{layer.name}: a {window} window does not fit an input of {shape}.")
    return sides[0], sides[1]


def require_plane(layer: Layer, shape: Shape) -> None:
    """Raise ValueError if a shape is not (height, width, channels)."""
    if len(shape) != 3:
        raise ValueError(f"{layer.name} needs a (height, width, channels) input; got {shape}.")


def flattened(channels: Channels, shape: Shape) -> Channels:
    """Return the channel of each element of a flattened tensor."""
    return np.tile(channels, math.prod(shape[:-1]))


def with_inputs(layer: Layer, inputs: Sequence[str]) -> Layer:
    """Return the layer reading other tensors."""
    return dataclasses.replace(layer, inputs=tuple(inputs))
