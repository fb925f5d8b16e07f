"""The straw man that every criterion has to beat."""

from typing import Any

from autotiny.compression.sparsity._base import Criterion, Stored


class Random(Criterion):
    """No ranking at all (Gale, Elsen and Hooker 2019, The State of Sparsity, compare with it)."""

    name = "random"

    def scores(self, tf: Any, weights: Stored, gradient: Stored, noise: Stored) -> Stored:
        """Return the noise: the same weights go first all through a training."""
        return noise
