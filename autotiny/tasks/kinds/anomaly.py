"""Anomalies: what a network trained on normal samples cannot reconstruct."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.tasks.kinds._base import Reals, TaskKind
from autotiny.tasks.kinds._numeric import squared_difference


class Anomaly(TaskKind):
    """A reconstruction of each sample: targets ``y`` are 1 for anomalies, 0 for normal, ``(n,)``.

    Outputs are the sample again, flattened. A sample's value is the mean squared error of its
    reconstruction.
    """

    name = "anomaly"
    metrics = ("roc_auc", "reconstruction_error")
    standardised = True

    def targets(self, x: Reals, y: NDArray[Any]) -> NDArray[Any]:
        """Return the samples themselves, flattened."""
        return x.reshape(len(x), -1)

    def loss(self, tf: Any, outputs: Any, targets: Any) -> Any:
        """Return the mean squared error of the reconstruction."""
        return tf.reduce_mean(tf.square(outputs - targets), axis=-1)

    def distillation(self, tf: Any, outputs: Any, teacher: Any, temperature: float) -> Any:
        """Return the squared error against the teacher; a temperature means nothing here."""
        return self.loss(tf, outputs, teacher)

    def divergence(self, reference: Reals, other: Reals) -> float:
        """Return the squared difference in units of the outputs' variance."""
        return squared_difference(reference, other)

    def decisions(self, outputs: Reals) -> NDArray[Any]:
        """Refuse: what is too large an error is decided by a threshold, not by outputs alone."""
        raise NotImplementedError("an anomaly is decided by a threshold on its error")

    def values(self, outputs: Reals, x: Reals) -> NDArray[Any]:
        """Return the error of each sample's reconstruction."""
        return np.asarray(((outputs - x.reshape(len(x), -1)) ** 2).mean(axis=1), np.float64)

    def threshold(self, outputs: Reals, x: Reals, y: NDArray[Any]) -> float:
        """Return the error above which a sample is called an anomaly.

        With anomalies among the samples, the one of the best balanced accuracy (Youden 1950),
        between two errors; without any, above 99 % of the normal ones.
        """
        errors = self.values(outputs, x)
        if not 0 < y.sum() < len(y):
            return float(np.quantile(errors, 0.99))
        order = np.argsort(errors, kind="stable")
        found = y[order]
        # With the threshold behind place i, what comes later is called an anomaly.
        normal = np.cumsum(found == 0) / (found == 0).sum()
        missed = np.cumsum(found == 1) / (found == 1).sum()
        best = int(np.argmax((normal - missed)[:-1]))
        return float((errors[order[best]] + errors[order[best + 1]]) / 2)

    def facts(
        self, outputs: Reals, x: Reals, y: NDArray[Any], names: tuple[str, ...]
    ) -> Mapping[str, Any]:
        """Return mean errors of normal samples and of anomalies."""
        errors = self.values(outputs, x)
        return {
            f"{name}_mean_error": float(errors[y == label].mean()) if (y == label).any() else None
            for label, name in enumerate(("normal", "anomaly"))
        }
