"""The contract of an optimiser: one step of all weights at once."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar


class Optimiser(ABC):
    """How weights follow their gradient.

    Attributes:
        name: In a search space.
        slots: How many vectors of the weights' size it remembers, zeros at first.
    """

    name: ClassVar[str]
    slots: ClassVar[int]

    @abstractmethod
    def apply(
        self, tf: Any, weights: Any, slots: Sequence[Any], gradient: Any, rate: Any, step: Any
    ) -> None:
        """Take a step.

        Args:
            tf: TensorFlow.
            weights: A variable, ``(n,)``, that is changed in place.
            slots: Variables of its size.
            gradient: Of the loss, ``(n,)``.
            rate: Learning rate, a scalar tensor.
            step: Number of steps that were taken before, a float scalar tensor.
        """
