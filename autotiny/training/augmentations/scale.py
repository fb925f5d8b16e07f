"""The same movement, smaller or larger."""

from typing import Any

from autotiny.training.augmentations._base import Augmentation, uniform


class Scale(Augmentation):
    """A factor of up to 1 +- 0.3 for each sample and channel (Um et al. 2017)."""

    name = "scale"
    layouts = ("signal", "vector")

    def apply(self, tf: Any, x: Any, seed: Any, strength: float) -> Any:
        """Scale each sample."""
        ones = [1] * (len(x.shape) - 2)
        shape = (tf.shape(x)[0], *ones, x.shape[-1])
        return x * uniform(tf, shape, seed, 1 - 0.3 * strength, 1 + 0.3 * strength)
