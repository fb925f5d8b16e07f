"""Weights as they are: a byte each."""

import numpy as np

from autotiny.runtimes.c.encodings._base import Encoded, Weights


class Dense:
    """A byte for each weight."""

    name = "int8"

    def encode(self, weights: Weights) -> Encoded:
        """Return the weights."""
        return Encoded({"weights": weights})

    def decode(self, encoded: Encoded, shape: tuple[int, ...]) -> Weights:
        """Return the weights."""
        return np.asarray(encoded.arrays["weights"], np.int8).reshape(shape)
