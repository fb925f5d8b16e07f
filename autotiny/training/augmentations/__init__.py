"""Training samples that are changed: one file and one line here for each augmentation."""

from typing import Any

from autotiny.training.augmentations._base import Augmentation
from autotiny.training.augmentations.cutout import Cutout
from autotiny.training.augmentations.flip import Flip
from autotiny.training.augmentations.jitter import Jitter
from autotiny.training.augmentations.scale import Scale
from autotiny.training.augmentations.shift import Shift
from autotiny.training.augmentations.spec_augment import SpecAugment
from autotiny.training.augmentations.time_shift import TimeShift

#: Every augmentation by its name.
AUGMENTATIONS: dict[str, Augmentation] = {
    x.name: x for x in (Shift(), Flip(), Cutout(), Jitter(), Scale(), TimeShift(), SpecAugment())
}
#: What goes well together, by the kind of data.
COMBINATIONS: dict[str, tuple[str, ...]] = {
    "none": (),
    **{name: (name,) for name in AUGMENTATIONS},
    "image": ("shift", "cutout"),
    "signal": ("jitter", "scale", "time_shift"),
    "spectrogram": ("time_shift", "spec_augment"),
}


def suits(combination: str, layout: str) -> bool:
    """Return whether a combination is for samples of a layout."""
    return all(layout in AUGMENTATIONS[name].layouts for name in COMBINATIONS[combination])


def augmented(tf: Any, x: Any, combination: str, strength: float, seed: Any) -> Any:
    """Return a batch changed by each augmentation of a combination.

    Args:
        tf: TensorFlow.
        x: Samples.
        combination: Its name.
        strength: How much they change, 0..1.
        seed: Two integers, a tensor.
    """
    for number, name in enumerate(COMBINATIONS[combination]):
        own = seed + tf.constant([1000 * (number + 1), 0])
        x = AUGMENTATIONS[name].apply(tf, x, own, strength)
    return x


__all__ = ["AUGMENTATIONS", "COMBINATIONS", "Augmentation", "augmented", "suits"]
