"""What running a model on an emulated core shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Emulated:
    """Outputs and costs of a model's inferences.

    Attributes:
        outputs: Of every sample, int8.
        instructions: Of the first sample's inference.
        stack_bytes: Deepest stack.
    """

    outputs: NDArray[np.int8]
    instructions: int
    stack_bytes: int
