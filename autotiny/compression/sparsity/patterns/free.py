"""Any weight may be zero."""

from typing import Any

from autotiny.compression.sparsity._base import Now, Pattern, Stored


def largest(tf: Any, scores: Any, count: Any) -> Any:
    """Return 1.0 for the ``count`` largest scores, of equal ones the earlier, and 0.0 for others.

    Args:
        tf: TensorFlow.
        scores: ``(n,)``.
        count: A scalar, 0 to n.
    """
    size = int(scores.shape[0])
    order = tf.argsort(scores, direction="DESCENDING", stable=True)
    ranks = tf.scatter_nd(order[:, None], tf.range(size), [size])
    return tf.cast(ranks < count, tf.float32)


class Free(Pattern):
    """Unstructured sparsity."""

    name = "free"

    def kept_count(self, size: int, sparsity: float) -> int:
        """Return how many weights stay, as tfmot rounds."""
        return max(1, round(size * (1 - sparsity)))

    def mask(self, tf: Any, scores: Stored, now: Now, kept: int) -> Stored:
        """Keep the weights that are worth most."""
        size = int(scores.shape[0])
        count = tf.maximum(1, tf.cast(tf.round(size * (1 - now.sparsity)), tf.int32))
        return largest(tf, scores, tf.where(now.arrived, kept, count))
