"""All at once, and the same weights from then on."""

from dataclasses import dataclass
from typing import Any

from autotiny.compression.sparsity._base import Schedule, SparsitySchedule, StepSchedule


@dataclass(frozen=True)
class _Once:
    """Prunes in a single step.

    Attributes:
        end_step: That step.
        final: The sparsity.
    """

    end_step: int
    final: float

    def __call__(self, step: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        return tf.equal(step, self.end_step), tf.constant(self.final, tf.float32)


class OneShot(Schedule):
    """Prune once, fine-tune what is left (Li et al. 2017, Pruning Filters for ConvNets)."""

    name = "one_shot"

    def steps(self, settings: SparsitySchedule, begin: int, end: int) -> StepSchedule:
        """Return it for one training: weights that go at ``begin`` never come back."""
        return _Once(begin, settings.final)
