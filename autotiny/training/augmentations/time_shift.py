"""The same sound, earlier or later: the first axis is time."""

from typing import Any

from autotiny.training.augmentations._base import Augmentation, shifted


class TimeShift(Augmentation):
    """Shifts of up to a fifth of the time at full strength."""

    name = "time_shift"
    layouts = ("signal", "image")

    def apply(self, tf: Any, x: Any, seed: Any, strength: float) -> Any:
        """Move each sample in time."""
        return shifted(tf, x, seed, (0.2 * strength, 0.0))
