"""Readings of a noisier sensor."""

from typing import Any

from autotiny.training.augmentations._base import Augmentation


class Jitter(Augmentation):
    """Normal noise of up to a fifth of the spread of a batch (Um et al. 2017)."""

    name = "jitter"
    layouts = ("signal", "vector")

    def apply(self, tf: Any, x: Any, seed: Any, strength: float) -> Any:
        """Add noise to each sample."""
        spread = tf.math.reduce_std(x, axis=list(range(len(x.shape) - 1)), keepdims=True)
        return x + 0.2 * strength * spread * tf.random.stateless_normal(tf.shape(x), seed)
