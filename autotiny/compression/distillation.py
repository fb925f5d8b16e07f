"""Knowledge distillation: a student learns from its teacher's soft outputs."""

from dataclasses import dataclass
from typing import Any

from autotiny.tasks.kinds import TaskKind


@dataclass(frozen=True)
class Distillation:
    """How much, and how softly, the teacher speaks (Hinton, Vinyals and Dean 2015).

    Attributes:
        alpha: Weight of the teacher's term, 0..1; 0 is plain training.
        temperature: Divides both sets of logits; higher shows more of the wrong classes' order.
    """

    alpha: float = 0.0
    temperature: float = 4.0


def distillation_loss(
    tf: Any, kind: TaskKind, outputs: Any, targets: Any, teacher: Any, settings: Distillation
) -> Any:
    """Return the loss of each sample of a batch, as a TensorFlow tensor ``(batch,)``.

    Args:
        tf: TensorFlow.
        kind: What outputs mean.
        outputs: The student's, ``(batch, outputs)``.
        targets: As the kind takes them.
        teacher: The teacher's outputs, ``(batch, outputs)``; needed for alpha > 0.
        settings: Temperature and alpha.
    """
    losses = kind.loss(tf, outputs, targets)
    if settings.alpha == 0:
        return losses
    soft = kind.distillation(tf, outputs, teacher, settings.temperature)
    return (1 - settings.alpha) * losses + settings.alpha * soft
