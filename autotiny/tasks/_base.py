"""What a task is: data split three ways, its shapes and its class names."""

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.tasks._layout import Layout
from autotiny.tasks.kinds import KINDS, TaskKind
from autotiny.tasks.metrics import METRICS, Metric


@dataclass(frozen=True)
class Split:
    """One split of a task.

    Attributes:
        x: Features, float32, shape ``(n, *input_shape)``.
        y: Targets, as the task's kind has them: class indices, int64, shape ``(n,)``; labels of 0
            and 1 or real values, float32, shape ``(n, values)``; 1 for anomalies.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Goal:
    """What models of a task are trained and chosen for.

    Attributes:
        kind: What their outputs mean.
        metric: What they are scored by.
        class_weights: What a sample of each class counts in training; None is 1.
    """

    kind: TaskKind
    metric: Metric
    class_weights: tuple[float, ...] | None = None

    def score(self, outputs: NDArray[np.float32], split: Split) -> float:
        """Return the score of real outputs, ``(n, outputs)``, for a split."""
        return self.kind.score(self.metric, outputs, split.x, split.y)


#: What a task is for unless something else is said.
CLASSIFY = Goal(KINDS["classification"], METRICS["accuracy"])


@dataclass(frozen=True)
class Task:
    """Data to learn from.

    Attributes:
        name: What the user called it.
        train: What models are fitted and calibrated on.
        validation: What every choice is made on.
        test: What a picked model is reported on; nothing is ever chosen with it.
        class_names: One name per class, label or value.
        goal: What models are trained and chosen for.
        layout: What the axes of a sample mean.
        told: Sentences that say what was inferred.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    goal: Goal = CLASSIFY
    layout: Layout = "image"
    told: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """Number of values that a model gives: one a class, label or value, or the sample again."""
        if self.goal.kind.name == "anomaly":
            return math.prod(self.input_shape)
        return len(self.class_names)

    def shaped(self, input_shape: tuple[int, ...]) -> "Task":
        """Return the task with samples viewed in another shape of as many values."""

        def split(part: Split) -> Split:
            return Split(part.x.reshape(len(part), *input_shape), part.y)

        return replace(
            self,
            train=split(self.train),
            validation=split(self.validation),
            test=split(self.test),
        )

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
