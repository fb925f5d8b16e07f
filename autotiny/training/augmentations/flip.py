"""Pictures seen in a mirror: not for digits and letters."""

from typing import Any

from autotiny.training.augmentations._base import Augmentation, uniform


class Flip(Augmentation):
    """Left and right changed over in half of the pictures, whatever the strength."""

    name = "flip"
    layouts = ("image",)

    def apply(self, tf: Any, x: Any, seed: Any, strength: float) -> Any:
        """Turn half of the pictures over."""
        turned = uniform(tf, (tf.shape(x)[0], 1, 1, 1), seed, 0, 1) < 0.5
        return tf.where(turned, tf.reverse(x, [2]), x)
