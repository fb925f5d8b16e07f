"""Small weights matter least."""

from typing import Any

from autotiny.compression.sparsity._base import Criterion, Stored


class Magnitude(Criterion):
    """Magnitude (Han, Pool, Tran and Dally 2015, Learning both Weights and Connections)."""

    name = "magnitude"

    def scores(self, tf: Any, weights: Stored, gradient: Stored, noise: Stored) -> Stored:
        """Return the magnitudes."""
        return tf.abs(weights)
