"""Steps in units of each weight's recent gradients."""

from collections.abc import Sequence
from typing import Any

from autotiny.training.optimisers._base import Optimiser

_DECAY, _MOMENTUM, _EPSILON = 0.9, 0.9, 1e-7


class RMSprop(Optimiser):
    """RMSprop (Tieleman and Hinton 2012) with momentum, as MobileNets were trained."""

    name = "rmsprop"
    slots = 2

    def apply(
        self, tf: Any, weights: Any, slots: Sequence[Any], gradient: Any, rate: Any, step: Any
    ) -> None:
        """Take a step."""
        squares, momentum = slots
        tf.raw_ops.ResourceApplyRMSProp(
            var=weights.handle,
            ms=squares.handle,
            mom=momentum.handle,
            lr=rate,
            rho=_DECAY,
            momentum=_MOMENTUM,
            epsilon=_EPSILON,
            grad=gradient,
        )
