"""Knowledge distillation: what a student is taught by, one file and one line for each kind."""

from dataclasses import dataclass
from typing import Any

from autotiny.compression.distillation._base import (
    NO_LESSON,
    Classroom,
    Hint,
    Lesson,
    Peer,
    Teaching,
)
from autotiny.compression.distillation.features import Features
from autotiny.compression.distillation.mutual import Mutual
from autotiny.compression.distillation.progressive import Progressive
from autotiny.compression.distillation.self_taught import SelfTaught
from autotiny.compression.distillation.soft import Soft
from autotiny.tasks.kinds import TaskKind

#: Every kind of distillation by its name.
TEACHINGS: dict[str, Teaching] = {
    teaching.name: teaching
    for teaching in (Soft(), Features(), Progressive(), SelfTaught(), Mutual())
}

__all__ = [
    "NO_LESSON",
    "TEACHINGS",
    "Classroom",
    "Distillation",
    "Hint",
    "Lesson",
    "Peer",
    "Teaching",
    "distillation_loss",
]


@dataclass(frozen=True)
class Distillation:
    """How much, and how softly, the teacher speaks (Hinton, Vinyals and Dean 2015).

    Attributes:
        alpha: Weight of the teacher's term, 0..1; 0 is plain training.
        temperature: Divides both sets of logits; higher shows more of the wrong classes' order.
        kind: By what it is taught; see ``TEACHINGS``.
    """

    alpha: float = 0.0
    temperature: float = 4.0
    kind: str = "soft"


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
