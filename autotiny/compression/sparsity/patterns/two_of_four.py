"""Two of four neighbours are zero: half of all weights, the same number everywhere."""

from typing import Any

from autotiny.compression.sparsity._base import Now, Pattern, Stored
from autotiny.compression.sparsity.patterns.free import largest

_GROUP, _KEPT = 4, 2


class TwoOfFour(Pattern):
    """2:4 sparsity (Mishra et al. 2021, Accelerating Sparse Deep Neural Networks).

    Its final sparsity is one half whatever is asked for; weights behind the last group of four
    stay.
    """

    name = "2:4"

    def kept_count(self, size: int, sparsity: float) -> int:
        """Return how many weights stay."""
        return size - size // _GROUP * (_GROUP - _KEPT)

    def mask(self, tf: Any, scores: Stored, now: Now, kept: int) -> Stored:
        """Keep the two of each four that are worth most, of more and more groups."""
        size = int(scores.shape[0])
        groups = size // _GROUP
        if groups == 0:
            return tf.ones((size,))
        grouped = tf.reshape(scores[: groups * _GROUP], (groups, _GROUP))
        order = tf.argsort(grouped, axis=1, direction="DESCENDING", stable=True)
        best = tf.reduce_sum(tf.one_hot(order[:, :_KEPT], _GROUP), axis=1)
        lost = tf.reduce_sum(grouped * (1 - best), axis=1)
        count = tf.cast(tf.round(groups * (1 - now.share)), tf.int32)
        whole = largest(tf, lost, tf.where(now.arrived, 0, count))
        mask = tf.reshape(tf.maximum(best, whole[:, None]), (-1,))
        return tf.concat([mask, tf.ones((size - groups * _GROUP,))], 0)
