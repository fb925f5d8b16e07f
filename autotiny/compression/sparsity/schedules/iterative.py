"""Prune, fine-tune, repeat."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from autotiny.compression.sparsity._base import Schedule, SparsitySchedule, StepSchedule


@dataclass(frozen=True)
class _Rounds:
    """Prunes in a few steps.

    Attributes:
        at: Those steps, rising.
        sparsities: The sparsity from each of them on.
    """

    at: tuple[int, ...]
    sparsities: tuple[float, ...]

    @property
    def end_step(self) -> int:
        """The last of them."""
        return self.at[-1]

    def __call__(self, step: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        step = tf.cast(step, tf.int32)
        done = tf.reduce_sum(tf.cast(tf.constant(self.at) <= step, tf.int32))
        sparsity = tf.gather(tf.constant((0.0, *self.sparsities), tf.float32), done)
        return tf.reduce_any(tf.constant(self.at) == step), sparsity


class Iterative(Schedule):
    """Rounds that each take the same share of what is left (Han et al. 2015; Frankle and Carbin).

    Between two rounds the weights that stay are fine-tuned; each round lasts as long.
    """

    name = "iterative"

    def steps(self, settings: SparsitySchedule, begin: int, end: int) -> StepSchedule:
        """Return it for one training: ``settings.rounds`` from ``begin`` to ``end``."""
        at = np.unique(np.linspace(begin, end, settings.rounds).round().astype(int))
        left = (1 - settings.final) ** (np.arange(1, len(at) + 1) / len(at))
        return _Rounds(tuple(at.tolist()), (*(1 - left[:-1]).tolist(), settings.final))
