"""Where to cut values off so that rounding and clipping together cost least (OCTAV).

Sakr et al. 2022, Optimal Clipping and Magnitude-aware Differentiation for Improved
Quantization-aware Training, equation 6: the fixed point of Newton's method on the mean squared
error, whose rounding part is a twelfth of a step's square.
"""

import numpy as np
from numpy.typing import NDArray

#: It is reached to single precision in about ten.
_ITERATIONS = 30


def clipping(magnitudes: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return the magnitude to cut off at, one for each row: ``(...)``; 0 for a row of zeros.

    Args:
        magnitudes: Of values, ``(..., values)``.
        step: Between two integers, as a share of the magnitude.
    """
    rounding = step**2 / 12
    count = np.maximum((magnitudes > 0).sum(axis=-1), 1)
    most = magnitudes.sum(axis=-1) / count
    for _ in range(_ITERATIONS):
        outside = magnitudes > most[..., None]
        inside = (magnitudes > 0) & ~outside
        beyond = np.where(outside, magnitudes, 0.0).sum(axis=-1)
        total = rounding * inside.sum(axis=-1) + outside.sum(axis=-1)
        most = np.where(total > 0, beyond / np.maximum(total, 1e-300), 0.0)
    return np.asarray(np.minimum(most, magnitudes.max(axis=-1)), np.float64)
