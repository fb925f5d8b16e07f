"""Objects somewhere else in the picture."""

from typing import Any

from autotiny.training.augmentations._base import Augmentation, shifted


class Shift(Augmentation):
    """Shifts of up to a quarter of the picture at full strength."""

    name = "shift"
    layouts = ("image",)

    def apply(self, tf: Any, x: Any, seed: Any, strength: float) -> Any:
        """Move each picture."""
        return shifted(tf, x, seed, (0.25 * strength, 0.25 * strength))
