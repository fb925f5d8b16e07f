"""What a task is: data split three ways, its shapes and its class names."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """One split of a task.

    Attributes:
        x: Features, float32, shape ``(n, *input_shape)``.
        y: Class indices, int64, shape ``(n,)``.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Task:
    """Data to learn from.

    Attributes:
        name: What the user called it.
        train: What models are fitted and calibrated on.
        validation: What every choice is made on.
        test: What a picked model is reported on; nothing is ever chosen with it.
        class_names: One name per class; its length is the number of model outputs.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample, without the batch dimension."""
        return tuple(int(n) for n in self.train.x.shape[1:])

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Shape and the first 12 digits of the SHA-256 of every array, by its usual name."""
        named = {"train": self.train, "val": self.validation, "test": self.test}
        arrays = {f"{a}_{name}": getattr(s, a) for name, s in named.items() for a in ("x", "y")}
        return {
            name: f"{'x'.join(map(str, array.shape))} "
            f"{hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:12]}"
            for name, array in arrays.items()
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every array, shape and class name: equal means the same data."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for split in (self.train, self.validation, self.test):
            digest.update(repr((split.x.shape, split.y.shape)).encode())
            digest.update(np.ascontiguousarray(split.x).tobytes())
            digest.update(np.ascontiguousarray(split.y).tobytes())
        return digest.hexdigest()
