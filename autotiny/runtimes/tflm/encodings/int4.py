"""Packed int4: two weights per byte; reference kernels unpack it in the arena."""

from dataclasses import dataclass

import numpy as np

from autotiny.runtimes.tflm.encodings._base import Encoded, Weights


@dataclass(frozen=True)
class Int4:
    """TFLite's INT4 tensor type; which operators take it is for the packer to know."""

    name: str = "int4"
    needs_decode: bool = False
    gains_by_zeros: bool = False
    bounded: bool = True

    def refusal(self, weights: Weights) -> str | None:
        """Take values from -8 to 7."""
        low, high = int(weights.distinct[0]), int(weights.distinct[-1])
        if low < -8 or high > 7:
            return f"its values must lie from -8 to 7 and lie from {low} to {high}"
        return None

    def sizes(self, weights: Weights) -> tuple[int, ...]:
        """Return ceil(n / 2)."""
        return (-(-weights.size // 2),)

    def encode(self, weights: Weights) -> Encoded:
        """Pack pairs, the first value of each in the low half."""
        flat = weights.values.ravel().view(np.uint8) & 0xF
        pairs = np.append(flat, np.zeros(flat.size % 2, np.uint8)).reshape(-1, 2)
        return Encoded((pairs[:, 0] | pairs[:, 1] << 4).tobytes())
