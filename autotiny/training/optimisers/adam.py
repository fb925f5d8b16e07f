"""Steps of about the same size for every weight."""

from collections.abc import Sequence
from typing import Any

from autotiny.training.optimisers._base import Optimiser

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-7


class Adam(Optimiser):
    """Adam (Kingma and Ba 2015); TensorFlow's fused operator is what keeps a step short."""

    name = "adam"
    slots = 2

    def apply(
        self, tf: Any, weights: Any, slots: Sequence[Any], gradient: Any, rate: Any, step: Any
    ) -> None:
        """Take a step."""
        first, second = slots
        tf.raw_ops.ResourceApplyAdam(
            var=weights.handle,
            m=first.handle,
            v=second.handle,
            beta1_power=tf.pow(_BETA1, step + 1),
            beta2_power=tf.pow(_BETA2, step + 1),
            lr=rate,
            beta1=_BETA1,
            beta2=_BETA2,
            epsilon=_EPSILON,
            grad=gradient,
        )
