"""Weights that the loss hardly moves with matter least."""

from typing import Any

from autotiny.compression.sparsity._base import Criterion, Stored


class Gradient(Criterion):
    """Magnitude of the gradient (Blalock et al. 2020, What is the State of Network Pruning?)."""

    name = "gradient"
    needs_gradient = True

    def scores(self, tf: Any, weights: Stored, gradient: Stored, noise: Stored) -> Stored:
        """Return the gradient's magnitudes."""
        return tf.abs(gradient)
