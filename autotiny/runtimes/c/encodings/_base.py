"""The contract of an encoding: how a layer's weights lie in flash, and how a kernel reads them.

Weights are read in the order in which they are stored, filter by filter, from the first one on for
every place of the output. An encoding is decoded while that happens, so that nothing decoded is
kept. The C side is a file of macros in ``kernels/``, ``weights_NAME.j2``: ``product`` adds one
product, or ``products`` those of a whole run of inputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autotiny.runtimes.c.program import Integers

Weights = NDArray[np.int8]


@dataclass(frozen=True)
class Encoded:
    """Weights of a layer as they are stored.

    Attributes:
        arrays: Constant arrays, by the names that the macros use.
        numbers: Numbers, likewise.
    """

    arrays: Mapping[str, Integers]
    numbers: Mapping[str, int] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in self.arrays.values())


class Encoding(Protocol):
    """One way to store weights."""

    #: Of the file of macros, and on the command line.
    name: str

    def encode(self, weights: Weights) -> Encoded | None:
        """Return weights of shape ``(filters, weights of one)``; None if it cannot store them."""
        ...

    def decode(self, encoded: Encoded, shape: tuple[int, ...]) -> Weights:
        """Return the weights again."""
        ...
