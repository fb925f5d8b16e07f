"""Real values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.tasks.kinds._base import Reals, TaskKind
from autotiny.tasks.kinds._numeric import squared_difference


class Regression(TaskKind):
    """Real values for each sample: targets and outputs are ``(n, values)`` in their own units."""

    name = "regression"
    metrics = ("r2", "mae")
    standardised = True

    def targets(self, x: Reals, y: NDArray[Any]) -> NDArray[Any]:
        """Return the values."""
        return y

    def loss(self, tf: Any, outputs: Any, targets: Any) -> Any:
        """Return the mean squared error."""
        return tf.reduce_mean(tf.square(outputs - targets), axis=-1)

    def distillation(self, tf: Any, outputs: Any, teacher: Any, temperature: float) -> Any:
        """Return the squared error against the teacher; a temperature means nothing here."""
        return self.loss(tf, outputs, teacher)

    def divergence(self, reference: Reals, other: Reals) -> float:
        """Return the squared difference in units of the outputs' variance."""
        return squared_difference(reference, other)

    def decisions(self, outputs: Reals) -> NDArray[Any]:
        """Return the values."""
        return outputs

    def values(self, outputs: Reals, x: Reals) -> NDArray[Any]:
        """Return the values."""
        return outputs

    def facts(
        self, outputs: Reals, x: Reals, y: NDArray[Any], names: tuple[str, ...]
    ) -> Mapping[str, Any]:
        """Return the usual errors of each value."""
        difference = np.abs(outputs - y)
        return {
            "mae": {name: float(difference[:, i].mean()) for i, name in enumerate(names)},
            "largest_error": {name: float(difference[:, i].max()) for i, name in enumerate(names)},
        }
