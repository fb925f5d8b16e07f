"""The contract of a weight form: how a network that computes in floats stores its kernels."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from autotiny.lowering._builder import Scales


@dataclass(frozen=True)
class Kernel:
    """A kernel as an integer model stores it.

    Attributes:
        integers: In TFLite's layout, int8, those of fewer bits too.
        scales: One for all or one an output channel, float32.
        axis: Where the output channels lie.
        per_channel: Whether this operator's hybrid form wants a scale a channel: convolutions do,
            dense layers have taken but one for longer.
    """

    integers: NDArray[np.int8]
    scales: NDArray[np.float32]
    axis: int
    per_channel: bool

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return int(self.integers.shape[self.axis])

    @property
    def values(self) -> NDArray[np.float32]:
        """The real values that the integers stand for, float32, of the same shape."""
        shape = [1] * self.integers.ndim
        shape[self.axis] = -1
        return np.asarray(self.integers * self.scales.reshape(shape), np.float32)


@dataclass(frozen=True)
class StoredKernel:
    """A kernel as a form stores it.

    Attributes:
        data: The constant, of the kernel's shape.
        scales: If it is quantised.
        dequantised: Made float32 when the model is loaded, by a DEQUANTIZE before the operator.
        hybrid: The operator itself takes it beside float activations.
    """

    data: NDArray[np.generic]
    scales: Scales | None = None
    dequantised: bool = False
    hybrid: bool = False


class WeightForm(ABC):
    """One way to store the kernels of a network that computes in floats.

    Attributes:
        name: As a user names it.
        title: What it is, as a table says it.
        activations: What activations are while the network runs.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    activations: ClassVar[str] = "float32"

    @abstractmethod
    def stored(self, kernel: Kernel) -> StoredKernel:
        """Return how a kernel is stored."""

    @property
    def file_name(self) -> str:
        """Name of a model file of this form."""
        return f"model_{self.name.replace('-', '_')}.tflite"
