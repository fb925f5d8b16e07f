"""Plain descent that gathers way."""

from collections.abc import Sequence
from typing import Any

from autotiny.training.optimisers._base import Optimiser

_MOMENTUM = 0.9


class SGD(Optimiser):
    """Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013)."""

    name = "sgd"
    slots = 1

    def apply(
        self, tf: Any, weights: Any, slots: Sequence[Any], gradient: Any, rate: Any, step: Any
    ) -> None:
        """Take a step."""
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=weights.handle,
            accum=slots[0].handle,
            lr=rate,
            grad=gradient,
            momentum=_MOMENTUM,
            use_nesterov=True,
        )
