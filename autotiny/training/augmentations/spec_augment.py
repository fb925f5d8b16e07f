"""Spectrograms with times and bands that are missing: the first axis is time."""

from typing import Any

from autotiny.training.augmentations._base import Augmentation, hidden


class SpecAugment(Augmentation):
    """SpecAugment (Park et al. 2019): a time and a band of up to a quarter set to 0."""

    name = "spec_augment"
    layouts = ("image",)

    def apply(self, tf: Any, x: Any, seed: Any, strength: float) -> Any:
        """Hide a stretch of time and a band of each spectrogram."""
        quieter = hidden(tf, x, seed, 1, 0.25 * strength)
        return hidden(tf, quieter, seed + tf.constant([0, 3]), 2, 0.25 * strength)
