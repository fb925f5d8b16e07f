"""Masks of a training: which weights are zero at which step."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autotiny.compression.sparsity import (
    CRITERIA,
    PATTERNS,
    Now,
    Pruning,
    steps_of,
    stored,
    unstored,
)
from autotiny.networks.graph import Weights

#: Of weights, by kernel: the gradient of the loss, computed only where masks are updated.
Gradients = Callable[[], Mapping[str, Any]]


class Masks:
    """The mask of every trained array, as one vector beside the weights' own.

    Args:
        tf: TensorFlow.
        weights: Arrays at the start, by name.
        names: Of the arrays that are trained, in the vector's order.
        pruned: Kernels that may have zeros.
        pruning: When, which and in which pattern.
        total: Steps of the training.
        seed: Of the noise that criteria may read.
        keep_zeros: Weights that are zero at the start stay zero.
    """

    def __init__(
        self,
        tf: Any,
        weights: Weights,
        names: Sequence[str],
        pruned: Sequence[str],
        pruning: Pruning,
        total: int,
        *,
        seed: int,
        keep_zeros: bool,
    ) -> None:
        self._tf, self._pruning, self._total, self._names = tf, pruning, total, names
        self._shapes = {name: weights[name].shape for name in names}
        self._criterion = CRITERIA[pruning.criterion]
        self._pattern = PATTERNS[pruning.pattern]
        final = pruning.schedule.final
        self._pruned = tuple(pruned) if final > 0 or keep_zeros else ()
        self._schedule = steps_of(pruning.schedule, total) if self._pruned and final > 0 else None
        allowed = {name: np.ones(weights[name].shape, np.float32) for name in names}
        if keep_zeros:
            allowed |= {n: (weights[n] != 0).astype(np.float32) for n in self._pruned}
        self._allowed = np.concatenate([allowed[n].ravel() for n in names]).astype(np.float32)
        self._mask = tf.Variable(self._allowed) if self._pruned else None
        rng = np.random.default_rng((seed, 1))
        self._noise = {n: rng.random(self._shapes[n], np.float32) for n in self._pruned}

    @property
    def pruned(self) -> tuple[str, ...]:
        """Kernels that may have zeros."""
        return self._pruned

    @property
    def settled(self) -> int:
        """The step from which on the sparsity is final; 0 if nothing is pruned."""
        if self._schedule is None:
            return 0
        if self._schedule.end_step >= 0:
            return int(self._schedule.end_step)
        return min(round(self._pruning.schedule.begin * self._total), self._total - 1)

    def __bool__(self) -> bool:
        return self._mask is not None

    def applied(self, vector: Any) -> Any:
        """Return the weights without those that are zero."""
        return vector if self._mask is None else vector * self._mask

    def update(self, step: Any, arrays: Mapping[str, Any], gradients: Gradients) -> None:
        """Update the masks when the schedule says so.

        Args:
            step: Number of the step, a tensor.
            arrays: Every array as it is.
            gradients: Of the loss by the pruned kernels.
        """
        tf, schedule = self._tf, self._schedule
        if schedule is None or self._mask is None:
            return
        due, sparsity = schedule(step)
        # Its frequency may pass over the end; waiting for the last step would leave no recovery.
        last = tf.equal(step, self._total - 1)
        final = tf.constant(self._pruning.schedule.final, tf.float32)
        arrived = last | (sparsity >= final)
        mask = self._mask

        def update() -> Any:
            found = gradients() if self._criterion.needs_gradient else {}
            parts = [
                tf.reshape(self._kept(name, arrays[name], found, sparsity, arrived), [-1])
                if name in self._pruned
                else tf.ones(math.prod(self._shapes[name]))
                for name in self._names
            ]
            mask.assign(tf.concat(parts, 0) * self._allowed)
            return tf.constant(0)

        due = due | tf.equal(step, schedule.end_step)
        if self._pruning.schedule.kind != "one_shot":  # what it took once is gone
            due = due | last
        tf.cond(due, update, lambda: tf.constant(0))

    def _current(self, name: str) -> Any:
        """Return the mask of a kernel as it is."""
        assert self._mask is not None
        begin = 0
        for other in self._names[: self._names.index(name)]:
            begin += math.prod(self._shapes[other])
        shape = self._shapes[name]
        return self._tf.reshape(self._mask[begin : begin + math.prod(shape)], shape)

    def _kept(
        self, name: str, kernel: Any, gradients: Mapping[str, Any], sparsity: Any, arrived: Any
    ) -> Any:
        """Return 1 for the weights of a kernel that stay."""
        tf, shape = self._tf, self._shapes[name]
        weights = stored(tf, kernel)
        gradient = stored(tf, gradients[name]) if name in gradients else tf.zeros_like(weights)
        noise = stored(tf, tf.constant(self._noise[name]))
        share = sparsity / self._pruning.schedule.final
        own = self._pruning.shares.get(name)
        now = Now(sparsity if own is None else share * own, share, arrived)
        scores = self._criterion.scores(tf, weights, gradient, noise)
        # What is gone stays gone, whatever a criterion says of it: it would come back as zero.
        scores = tf.where(stored(tf, self._current(name)) > 0, scores, -1.0)
        kept = self._pruning.kept_count(name, math.prod(shape))
        return unstored(tf, self._pattern.mask(tf, scores, now, kept), shape)
