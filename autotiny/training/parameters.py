"""The variables of one network in training.

All trained arrays lie in one vector, all batch-norm statistics in another: what is done to every
array is then one operator a step instead of one per array.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.graph import Weights

#: Share of the old value that a batch-norm statistic keeps each step.
MOMENTUM = 0.95


class Parameters:
    """Trained arrays and statistics.

    Args:
        tf: TensorFlow.
        weights: Arrays at the start, by name.

    Attributes:
        trained: Names of the arrays that follow a gradient, in the vector's order.
        vector: Variable of all of them.
    """

    def __init__(self, tf: Any, weights: Weights) -> None:
        self._tf = tf
        self._shapes = {name: array.shape for name, array in weights.items()}
        self._statistics = [n for n in weights if n.endswith(("/mean", "/variance"))]
        self.trained = [name for name in weights if name not in self._statistics]
        self.vector = tf.Variable(_joined(weights, self.trained))
        self._running = tf.Variable(_joined(weights, self._statistics))

    def arrays(self) -> dict[str, Any]:
        """Return every array as a tensor of its own shape."""
        tf, arrays = self._tf, {}
        groups = ((self.vector, self.trained), (self._running, self._statistics))
        for vector, names in groups:
            sizes = [math.prod(self._shapes[name]) for name in names]
            parts = tf.split(vector, sizes) if names else []
            for name, part in zip(names, parts, strict=True):
                arrays[name] = tf.reshape(part, self._shapes[name])
        return arrays

    def follow(self, statistics: Mapping[str, Any]) -> None:
        """Move batch-norm statistics towards those of a batch."""
        if statistics:
            batch = self._tf.concat([statistics[name] for name in self._statistics], 0)
            self._running.assign(self._running * MOMENTUM + batch * (1 - MOMENTUM))

    def marked(self, names: Collection[str]) -> Any:
        """Return 1 for the weights of some arrays and 0 for others, of the vector's shape."""
        marks = {n: np.full(self._shapes[n], n in names, np.float32) for n in self.trained}
        return self._tf.constant(_joined(marks, self.trained))


def _joined(arrays: Mapping[str, NDArray[np.float32]], names: Sequence[str]) -> Any:
    """Return the named arrays as one vector."""
    flat = [arrays[name].ravel() for name in names]
    return np.concatenate(flat).astype(np.float32) if flat else np.zeros(0, np.float32)
