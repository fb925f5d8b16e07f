"""Pruned: one bit per weight says whether a value follows, then the values that are not zero.

Format: tensorflow/lite/micro/kernels/decode_state_prune.cc.
"""

from dataclasses import dataclass

import numpy as np

from autotiny.runtimes.tflm.encodings._base import (
    HEADER_BYTES,
    Encoded,
    Weights,
    axis_refusal,
    header,
)

_TYPE, _VERSION = 2, 1


@dataclass(frozen=True)
class Pruned:
    """Bit mask and values: smaller than dense above one eighth of zeros."""

    name: str = "pruned"
    needs_decode: bool = True
    gains_by_zeros: bool = True
    bounded: bool = True

    def refusal(self, weights: Weights) -> str | None:
        """Require zero points of 0, since that is what the runtime fills in."""
        if weights.zero_point != 0:
            return "what is left out decodes to the zero point, and it has another than 0"
        return axis_refusal(weights)

    def sizes(self, weights: Weights) -> tuple[int, ...]:
        """Return ceil(n / 8), and 16 + non-zeros."""
        return -(-weights.size // 8), HEADER_BYTES + weights.size - weights.zeros

    def encode(self, weights: Weights) -> Encoded:
        """Write the mask, most significant bit first, and the values in order."""
        flat = weights.values.ravel()
        kept = flat != 0
        return Encoded(
            data=np.packbits(kept).tobytes(),
            ancillary=header(_TYPE, _VERSION) + flat[kept].tobytes(),
        )
