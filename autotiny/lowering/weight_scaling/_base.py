"""The contract of weight scaling: the magnitude that the largest integer of a kernel stands for.

Larger weights are cut off, which makes the steps between all others smaller. Each is one file and
one line of registration.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


class WeightScaling(ABC):
    """How far a kernel's integers reach.

    Attributes:
        name: In a search space.
    """

    name: ClassVar[str]

    @abstractmethod
    def bounds(self, magnitudes: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
        """Return the largest magnitude that is kept of each row, ``(rows,)``.

        Args:
            magnitudes: Of weights that share a scale: ``(rows, weights)``.
            bits: Of an integer; the lowest one is left out.
        """
