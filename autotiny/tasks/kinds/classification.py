"""One of several classes; two of them may share one logit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.tasks.kinds._base import Reals, TaskKind
from autotiny.tasks.kinds._numeric import (
    bernoulli_divergence,
    log_softmax,
    mean_kl_divergence,
    sigmoid,
)


class Classification(TaskKind):
    """A class for each sample: targets are its numbers, ``(n,)``.

    Outputs are logits: one a class, or a single one that is positive for the second of two.
    """

    name = "classification"
    metrics = ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc")
    divergence_name = "KL divergence (nats)"

    def targets(self, x: Reals, y: NDArray[Any]) -> NDArray[Any]:
        """Return the classes."""
        return y

    def loss(self, tf: Any, outputs: Any, targets: Any) -> Any:
        """Return the cross-entropy."""
        if outputs.shape[-1] == 1:
            labels = tf.cast(targets, tf.float32)
            return tf.nn.sigmoid_cross_entropy_with_logits(labels, outputs[:, 0])
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)

    def indifference(self, tf: Any, outputs: Any) -> Any:
        """Return the cross-entropy with all classes being equally likely."""
        if outputs.shape[-1] == 1:
            half = tf.fill(tf.shape(outputs), 0.5)
            return tf.nn.sigmoid_cross_entropy_with_logits(half, outputs)[:, 0]
        return -tf.reduce_mean(tf.nn.log_softmax(outputs), axis=-1)

    def distillation(self, tf: Any, outputs: Any, teacher: Any, temperature: float) -> Any:
        """Return the cross-entropy with soft targets (Hinton, Vinyals and Dean 2015).

        It is scaled by the temperature's square so that its gradients keep their size.
        """
        if outputs.shape[-1] == 1:
            soft = tf.nn.sigmoid(teacher / temperature)
            losses = tf.nn.sigmoid_cross_entropy_with_logits(soft, outputs / temperature)[:, 0]
        else:
            soft = tf.nn.softmax(teacher / temperature)
            losses = tf.nn.softmax_cross_entropy_with_logits(soft, outputs / temperature)
        return temperature**2 * losses

    def divergence(self, reference: Reals, other: Reals) -> float:
        """Return the mean Kullback-Leibler divergence, in nats."""
        single = reference.shape[1] == 1
        return (bernoulli_divergence if single else mean_kl_divergence)(reference, other)

    def decisions(self, outputs: Reals) -> NDArray[Any]:
        """Return the class of the largest output; of equal ones the first, as on the device."""
        if outputs.shape[1] == 1:
            return (outputs[:, 0] > 0).astype(np.int64)
        return np.asarray(outputs.argmax(axis=1), np.int64)

    def values(self, outputs: Reals, x: Reals) -> NDArray[Any]:
        """Return probabilities: of each class, or of the second of two."""
        if outputs.shape[1] == 1:
            return sigmoid(outputs[:, 0])
        probabilities = np.exp(log_softmax(outputs))
        return probabilities[:, 1] if outputs.shape[1] == 2 else probabilities

    def facts(
        self, outputs: Reals, x: Reals, y: NDArray[Any], names: tuple[str, ...]
    ) -> Mapping[str, Any]:
        """Return the confusion matrix (rows: true, columns: decided) and each class's recall."""
        decided, count = self.decisions(outputs), len(names)
        confusion = np.zeros((count, count), int)
        np.add.at(confusion, (y, decided), 1)
        totals = confusion.sum(axis=1)
        recall = {
            name: float(confusion[i, i] / totals[i]) if totals[i] else None
            for i, name in enumerate(names)
        }
        return {"confusion": confusion.tolist(), "recall": recall}
