"""Knowledge distillation: a student learns from its teacher's soft outputs."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Distillation:
    """How much, and how softly, the teacher speaks (Hinton, Vinyals and Dean 2015).

    Attributes:
        alpha: Weight of the teacher's term, 0..1; 0 is plain training.
        temperature: Divides both sets of logits; higher shows more of the wrong classes' order.
    """

    alpha: float = 0.0
    temperature: float = 4.0


def distillation_loss(logits: Any, labels: Any, teacher_logits: Any, settings: Distillation) -> Any:
    """Return the mean loss of a batch as a TensorFlow scalar.

    Args:
        logits: Student outputs before softmax, ``(batch, classes)``.
        labels: Class indices, ``(batch,)``.
        teacher_logits: Teacher outputs before softmax, ``(batch, classes)``.
        settings: Temperature and alpha. The soft term is scaled by the temperature's square so that
            its gradients keep their size, as in the paper.
    """
    import tensorflow as tf

    hard = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if settings.alpha == 0:
        return tf.reduce_mean(hard)
    soft = tf.nn.softmax_cross_entropy_with_logits(
        tf.nn.softmax(teacher_logits / settings.temperature), logits / settings.temperature
    )
    alpha, square = settings.alpha, settings.temperature**2
    return tf.reduce_mean((1 - alpha) * hard + alpha * square * soft)
