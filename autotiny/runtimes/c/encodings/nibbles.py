"""Weights of four bits: two to a byte, the first in the low half."""

import numpy as np

from autotiny.runtimes.c.encodings._base import Encoded, Weights


class Nibbles:
    """Half a byte for each weight from -8 to 7."""

    name = "int4"

    def encode(self, weights: Weights) -> Encoded | None:
        """Return the weights if all are within four bits."""
        if weights.min() < -8 or weights.max() > 7:
            return None
        flat = weights.ravel()
        flat = np.append(flat, np.zeros(flat.size % 2, np.int8)).astype(np.uint8)
        return Encoded({"weights": (flat[0::2] & 15 | flat[1::2] << 4).astype(np.uint8)})

    def decode(self, encoded: Encoded, shape: tuple[int, ...]) -> Weights:
        """Return the weights again."""
        packed = np.asarray(encoded.arrays["weights"], np.uint8).astype(np.int8)
        both = np.stack([packed << 4 >> 4, packed >> 4], axis=-1).ravel()
        return both[: int(np.prod(shape))].reshape(shape)
