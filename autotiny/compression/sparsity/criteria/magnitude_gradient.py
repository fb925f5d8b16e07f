"""Weights whose removal changes the loss least, to first order."""

from typing import Any

from autotiny.compression.sparsity._base import Criterion, Stored


class MagnitudeGradient(Criterion):
    """Weight times gradient (Lee, Ajanthan and Torr 2019, SNIP; Molchanov et al. 2017)."""

    name = "magnitude_gradient"
    needs_gradient = True

    def scores(self, tf: Any, weights: Stored, gradient: Stored, noise: Stored) -> Stored:
        """Return the magnitudes of weight times gradient."""
        return tf.abs(weights * gradient)
