"""The handwritten digits that come with scikit-learn: 1,797 images of 8x8, 10 classes."""

from autotiny.tasks._assemble import TaskOptions, checked_task
from autotiny.tasks._base import Task

_IMAGE = TaskOptions(layout="image")


def load(seed: int) -> Task:
    """Return images ``(8, 8, 1)`` with grey levels 0..16 scaled to 0..1, split 60/20/20."""
    from sklearn.datasets import load_digits

    data = load_digits()
    names = [str(name) for name in data.target_names]
    return checked_task(
        "digits", (data.images / 16, data.target), class_names=names, seed=seed, options=_IMAGE
    )
