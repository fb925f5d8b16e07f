"""What a kind of task is: everything that depends on what a network's outputs mean."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from autotiny.tasks.metrics import METRICS, Metric

Reals = NDArray[np.float32]


class TaskKind(ABC):
    """One kind of task.

    Outputs are real and of shape ``(n, outputs)``. Targets are what a split's ``y`` holds.

    Attributes:
        name: On the command line.
        metrics: Names of the metrics that hold for it; the first is the default.
        divergence_name: What ``divergence`` is, with its unit.
        standardised: Whether targets are real values that training brings to mean 0, spread 1.
    """

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    standardised: ClassVar[bool] = False
    divergence_name: ClassVar[str] = "squared difference (variances)"

    @abstractmethod
    def targets(self, x: Reals, y: NDArray[Any]) -> NDArray[Any]:
        """Return what the loss compares outputs with; its first axis is the samples'."""

    @abstractmethod
    def loss(self, tf: Any, outputs: Any, targets: Any) -> Any:
        """Return the loss of each sample, ``(n,)``, as a TensorFlow tensor."""

    @abstractmethod
    def distillation(self, tf: Any, outputs: Any, teacher: Any, temperature: float) -> Any:
        """Return each sample's loss against its teacher's outputs, of the size of ``loss``."""

    def indifference(self, tf: Any, outputs: Any) -> Any:
        """Return each sample's loss against outputs that prefer nothing; None if there are none.

        Label smoothing adds some of it.
        """
        return None

    @abstractmethod
    def divergence(self, reference: Reals, other: Reals) -> float:
        """Return how far outputs are from others: 0 for equal ones, about 1 for useless ones."""

    @abstractmethod
    def decisions(self, outputs: Reals) -> NDArray[Any]:
        """Return what is decided from outputs alone, of the targets' shape."""

    @abstractmethod
    def values(self, outputs: Reals, x: Reals) -> NDArray[Any]:
        """Return what threshold-free metrics rank or measure."""

    @abstractmethod
    def facts(
        self, outputs: Reals, x: Reals, y: NDArray[Any], names: tuple[str, ...]
    ) -> Mapping[str, Any]:
        """Return what a person wants to know of outputs besides the score, as JSON has it."""

    def score(self, metric: Metric, outputs: Reals, x: Reals, y: NDArray[Any]) -> float:
        """Return a metric's value.

        Args:
            metric: One of ``metrics``.
            outputs: Real, ``(n, outputs)``.
            x: The samples, ``(n, *input_shape)``.
            y: Their targets.
        """
        found = self.decisions(outputs) if metric.basis == "decisions" else self.values(outputs, x)
        return metric.compute(y, found)

    @property
    def default_metric(self) -> Metric:
        """The metric where none is named."""
        return METRICS[self.metrics[0]]
