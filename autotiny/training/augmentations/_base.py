"""The contract of an augmentation: training samples that are changed, and mean the same."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar


class Augmentation(ABC):
    """One way to change samples.

    Attributes:
        name: In a search space.
        layouts: Of the samples it is for: ``image``, ``signal`` or ``vector``.
    """

    name: ClassVar[str]
    layouts: ClassVar[tuple[str, ...]]

    @abstractmethod
    def apply(self, tf: Any, x: Any, seed: Any, strength: float) -> Any:
        """Return a batch of changed samples, of the batch's shape.

        Args:
            tf: TensorFlow.
            x: Samples, ``(n, height, width, channels)``, ``(n, time, 1, channels)`` or
                ``(n, values)``.
            seed: Two integers, a tensor; the same seed gives the same samples.
            strength: How much they change, 0..1.
        """


def uniform(tf: Any, shape: Any, seed: Any, low: float, high: float) -> Any:
    """Return numbers that are uniform in a range, from a seed alone."""
    return tf.random.stateless_uniform(shape, seed, low, high)


def shifted(tf: Any, x: Any, seed: Any, shares: tuple[float, float]) -> Any:
    """Return each sample moved over its plane, with zeros where nothing was.

    Args:
        tf: TensorFlow.
        x: ``(n, height, width, channels)``.
        seed: Two integers.
        shares: Largest shift along each axis, as a share of its length.
    """
    height, width = int(x.shape[1]), int(x.shape[2])
    most = [round(share * size) for share, size in zip(shares, (height, width), strict=True)]
    count = tf.shape(x)[0]
    rows, columns = (
        tf.cast(
            tf.round(uniform(tf, (count,), seed + tf.constant([0, axis]), -limit, limit)), tf.int32
        )
        for axis, limit in enumerate(most)
    )
    padded = tf.pad(x, [(0, 0), (most[0], most[0]), (most[1], most[1]), (0, 0)])
    down = tf.range(height)[None] + (most[0] - rows)[:, None]
    across = tf.range(width)[None] + (most[1] - columns)[:, None]
    moved = tf.gather(padded, down, axis=1, batch_dims=1)
    return tf.gather(moved, across, axis=2, batch_dims=1)


def hidden(tf: Any, x: Any, seed: Any, axis: int, share: float) -> Any:
    """Return each sample with a stretch along an axis set to 0.

    Args:
        tf: TensorFlow.
        x: ``(n, height, width, channels)``.
        seed: Two integers.
        axis: 1 or 2.
        share: Longest stretch, as a share of the axis.
    """
    size, count = int(x.shape[axis]), tf.shape(x)[0]
    length = uniform(tf, (count, 1), seed, 0, share * size)
    begin = uniform(tf, (count, 1), seed + tf.constant([0, 7]), 0, 1) * (size - length)
    places = tf.range(size, dtype=tf.float32)[None]
    kept = tf.cast((places < begin) | (places >= begin + length), x.dtype)
    return x * (kept[:, :, None, None] if axis == 1 else kept[:, None, :, None])
