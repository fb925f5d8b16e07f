"""Scores by name, from scikit-learn: what they are computed from and which way is better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

#: What a metric compares with the targets: decisions (classes, labels), or values (probabilities,
#: errors, predicted numbers).
Basis = Literal["decisions", "values"]


@dataclass(frozen=True)
class Metric:
    """A score.

    Attributes:
        name: On the command line, in tables, files and pictures.
        higher_is_better: Which way is better.
        basis: What ``compute`` takes.
        compute: Of targets and decisions or values; see ``TaskKind``.
    """

    name: str
    higher_is_better: bool
    basis: Basis
    compute: Callable[[NDArray[Any], NDArray[Any]], float]

    def quality(self, score: float) -> float:
        """Return a score such that higher is better."""
        return score if self.higher_is_better else -score

    @property
    def worst(self) -> float:
        """A score to tell a sampler where nothing was measured."""
        return 0.0 if self.higher_is_better else 1e9


def _accuracy(targets: NDArray[Any], decisions: NDArray[Any]) -> float:
    return float((decisions == targets).mean())


def _balanced_accuracy(targets: NDArray[Any], decisions: NDArray[Any]) -> float:
    recalls = [(decisions[targets == label] == label).mean() for label in np.unique(targets)]
    return float(np.mean(recalls))


def _macro_f1(targets: NDArray[Any], decisions: NDArray[Any]) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(targets, decisions, average="macro", zero_division=0))


def _roc_auc(targets: NDArray[Any], values: NDArray[Any]) -> float:
    """One against the rest for several classes; 0.5, as chance gives, where one is missing."""
    from sklearn.metrics import roc_auc_score

    if values.ndim == 2 and targets.ndim == 1:
        targets = np.eye(values.shape[1], dtype=int)[targets.astype(int)]
    columns = np.atleast_2d(targets.T).T.reshape(len(targets), -1)
    scores = values.reshape(len(values), -1)
    mixed = [i for i in range(columns.shape[1]) if 0 < columns[:, i].sum() < len(columns)]
    if not mixed:
        return 0.5
    return float(np.mean([roc_auc_score(columns[:, i], scores[:, i]) for i in mixed]))


def _mae(targets: NDArray[Any], values: NDArray[Any]) -> float:
    return float(np.abs(targets - values).mean())


def _r2(targets: NDArray[Any], values: NDArray[Any]) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(targets, values))


def _mean_error(targets: NDArray[Any], values: NDArray[Any]) -> float:
    return float(values[targets == 0].mean() if (targets == 0).any() else values.mean())


#: A new metric is one line here, and in the kinds that it holds for.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", True, "decisions", _accuracy),
        Metric("balanced_accuracy", True, "decisions", _balanced_accuracy),
        Metric("macro_f1", True, "decisions", _macro_f1),
        Metric("roc_auc", True, "values", _roc_auc),
        Metric("mae", False, "values", _mae),
        Metric("r2", True, "values", _r2),
        Metric("reconstruction_error", False, "values", _mean_error),
    )
}
