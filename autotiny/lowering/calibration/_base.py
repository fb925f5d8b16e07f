"""The contract of a calibration: from the values of a tensor to the range that integers stand for.

Integers that reach the largest value are coarse for all others. A calibration may cut values off
where that costs less than it gains. Each is one file and one line of registration.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

#: Smallest and largest value.
Limits = tuple[float, float]


@dataclass(frozen=True)
class Seen:
    """What was seen of one tensor over samples.

    Attributes:
        low: Smallest value of all.
        high: Largest value of all.
        values: Some of them, drawn evenly: ``(values,)``; none where no one asked for them.
    """

    low: float
    high: float
    values: NDArray[np.float32]


class Calibration(ABC):
    """How far a tensor's integers reach.

    Attributes:
        name: In a search space.
        needs_values: Whether it reads more than the smallest and the largest value.
    """

    name: ClassVar[str]
    needs_values: ClassVar[bool] = True

    @abstractmethod
    def limits(self, seen: Seen, bits: int) -> Limits:
        """Return the range, no wider than from ``seen.low`` to ``seen.high`` with 0.

        Args:
            seen: Of the tensor.
            bits: 8, around a zero point, or 16, symmetric.
        """


def rounding_error(values: NDArray[np.float32], low: float, high: float, bits: int) -> float:
    """Return the mean squared error of values in integers of a range, as lowering lays them out.

    Args:
        values: ``(values,)``.
        low: Smallest value that integers reach; those below are cut off.
        high: Largest one.
        bits: 8 or 16.
    """
    if bits == 16:
        step = max(abs(low), abs(high), 1e-9) / 32767
        integers = np.clip(np.rint(values / step), -32768, 32767)
        return float(np.mean(np.square(integers * step - values, dtype=np.float64)))
    smallest, largest = min(low, 0.0), max(high, 0.0)
    step = max(largest - smallest, 1e-9) / 255
    zero = np.rint(-smallest / step)
    integers = np.clip(np.rint(values / step) + zero, 0, 255) - zero
    return float(np.mean(np.square(integers * step - values, dtype=np.float64)))
