"""Any number of labels for each sample."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.tasks.kinds._base import Reals, TaskKind
from autotiny.tasks.kinds._numeric import bernoulli_divergence, sigmoid


class MultiLabel(TaskKind):
    """Labels that are there or not: targets are 0 or 1, ``(n, labels)``; outputs are logits."""

    name = "multi-label"
    metrics = ("macro_f1", "roc_auc", "accuracy")
    divergence_name = "KL divergence (nats)"

    def targets(self, x: Reals, y: NDArray[Any]) -> NDArray[Any]:
        """Return the labels."""
        return y

    def loss(self, tf: Any, outputs: Any, targets: Any) -> Any:
        """Return the mean cross-entropy over labels."""
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, outputs)
        return tf.reduce_mean(losses, axis=-1)

    def indifference(self, tf: Any, outputs: Any) -> Any:
        """Return the mean cross-entropy with every label being as likely as not."""
        half = tf.fill(tf.shape(outputs), 0.5)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(half, outputs)
        return tf.reduce_mean(losses, axis=-1)

    def distillation(self, tf: Any, outputs: Any, teacher: Any, temperature: float) -> Any:
        """Return the cross-entropy with soft labels, scaled by the temperature's square."""
        soft = tf.nn.sigmoid(teacher / temperature)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(soft, outputs / temperature)
        return temperature**2 * tf.reduce_mean(losses, axis=-1)

    def divergence(self, reference: Reals, other: Reals) -> float:
        """Return the mean divergence of independent labels, in nats, summed over them."""
        return bernoulli_divergence(reference, other)

    def decisions(self, outputs: Reals) -> NDArray[Any]:
        """Return 1 where a label is more likely than not."""
        return (outputs > 0).astype(np.float32)

    def values(self, outputs: Reals, x: Reals) -> NDArray[Any]:
        """Return the probability of each label."""
        return sigmoid(outputs)

    def facts(
        self, outputs: Reals, x: Reals, y: NDArray[Any], names: tuple[str, ...]
    ) -> Mapping[str, Any]:
        """Return recall and precision of each label; None where it is never there or decided."""
        decided = self.decisions(outputs)
        right = (decided * y).sum(axis=0)

        def shares(totals: NDArray[Any]) -> dict[str, float | None]:
            return {
                name: float(right[i] / totals[i]) if totals[i] else None
                for i, name in enumerate(names)
            }

        return {"recall": shares(y.sum(axis=0)), "precision": shares(decided.sum(axis=0))}
