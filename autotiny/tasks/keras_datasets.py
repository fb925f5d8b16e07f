"""Image sets that Keras downloads and caches: MNIST, Fashion-MNIST and CIFAR-10."""

import sys
from contextlib import redirect_stdout

from autotiny.errors import InputError
from autotiny.tasks._assemble import checked_task
from autotiny.tasks._base import Task
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.user_code import one_line

CLASS_NAMES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "t-shirt/top", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
    "cifar10": (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ),
}  # fmt: skip
#: What Keras looks for before it downloads.
_CACHED_AS = {
    "mnist": "~/.keras/datasets/mnist.npz",
    "fashion_mnist": "~/.keras/datasets/fashion-mnist/*-ubyte.gz",
    "cifar10": "~/.keras/datasets/cifar-10-batches-py.tar.gz",
}


def load(name: str, seed: int) -> Task:
    """Return the set with pixels scaled to 0..1, its own test split, and validation off train.

    Raises:
        InputError: If the set is neither in the Keras cache nor downloadable.
    """
    tf = prepare_tensorflow(seed)
    try:
        with redirect_stdout(sys.stderr):  # progress must not end up in ``--format json``
            train, test = getattr(tf.keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception for a failed download
        raise InputError(
            f"{name} must be downloadable or already at {_CACHED_AS[name]}, or be given "
            f"as FILE.npz; got {one_line(error)}."
        ) from error
    return checked_task(name, train, test=test, class_names=CLASS_NAMES[name], seed=seed)
