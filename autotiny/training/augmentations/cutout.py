"""Pictures of which a part is hidden."""

from typing import Any

from autotiny.training.augmentations._base import Augmentation, hidden


class Cutout(Augmentation):
    """Cutout (DeVries and Taylor 2017): a rectangle of up to half of each side set to 0."""

    name = "cutout"
    layouts = ("image",)

    def apply(self, tf: Any, x: Any, seed: Any, strength: float) -> Any:
        """Hide a rectangle of each picture."""
        whole = tf.ones_like(x)
        columns = hidden(tf, whole, seed, 2, 0.5 * strength)
        rows = hidden(tf, whole, seed + tf.constant([0, 3]), 1, 0.5 * strength)
        return x * tf.maximum(rows, columns)
