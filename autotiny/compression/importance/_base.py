"""The contract of structured pruning: what an output channel of a layer is worth."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    """What was measured of the base model's channels, on training data.

    Attributes:
        activations: Layer to the mean magnitude of each channel it gives, ``(channels,)``.
        zeros: Layer to the share of values that are 0, likewise.
        taylor: Layer to the mean magnitude of value times gradient, summed over a channel's plane.
    """

    activations: Mapping[str, Reals] = field(default_factory=dict)
    zeros: Mapping[str, Reals] = field(default_factory=dict)
    taylor: Mapping[str, Reals] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerChannels:
    """What is known of one layer's output channels.

    Attributes:
        layer: Its name.
        kernel: Batch norm folded in, output channels last.
        gamma: Factors of its batch norm, ``(channels,)``; None if it has none.
        evidence: What was measured.
        noise: Uniform in 0..1, ``(channels,)``.
    """

    layer: str
    kernel: Reals
    gamma: Reals | None
    evidence: Evidence
    noise: Reals

    @property
    def filters(self) -> Reals:
        """The weights of each channel, ``(weights, channels)``."""
        return self.kernel.reshape(-1, self.kernel.shape[-1])


class Importance(ABC):
    """What an output channel is worth: those worth least go first.

    Attributes:
        name: In a search space.
        needs_evidence: Whether it reads what was measured on data.
        of_weights: Whether depthwise filters that follow count with the channel they belong to.
    """

    name: ClassVar[str]
    needs_evidence: ClassVar[bool] = False
    of_weights: ClassVar[bool] = False

    @abstractmethod
    def scores(self, channels: LayerChannels) -> Reals:
        """Return what each channel is worth, ``(channels,)``, none below 0."""
