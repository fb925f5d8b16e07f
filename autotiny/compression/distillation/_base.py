"""The contract of distillation: what a student is taught by.

A kind of distillation prepares a lesson before the student is trained: outputs to follow, features
to match, or another network that learns beside it. The training loop knows lessons only.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.graph import Network, Weights

Reals = NDArray[np.float32]


@dataclass(frozen=True)
class Hint:
    """Features that a student's own are to lead to.

    Attributes:
        layer: Of the student, whose output a linear map per place, which is dropped after training,
            turns into the features.
        features: On the training split, ``(n, …, channels)``, of the layer's plane.
    """

    layer: str
    features: Reals


@dataclass(frozen=True)
class Peer:
    """A network that learns beside the student, each following the other's outputs.

    Attributes:
        network: With its batch norm.
        weights: Where it starts.
    """

    network: Network
    weights: Weights


@dataclass(frozen=True)
class Lesson:
    """What a student is taught by; nothing at all is plain training.

    Attributes:
        outputs: To follow, on the training split, ``(n, outputs)``.
        hint: Features to match.
        peer: Who learns beside it.
    """

    outputs: Reals | None = None
    hint: Hint | None = None
    peer: Peer | None = None

    def __bool__(self) -> bool:
        return any(part is not None for part in (self.outputs, self.hint, self.peer))


#: Plain training.
NO_LESSON = Lesson()


@dataclass(frozen=True)
class Classroom:
    """What kinds of distillation may ask for.

    Attributes:
        student: The student's network, with its batch norm.
        weights: What it inherits.
        teacher: The teacher's network; None if it is known by its outputs alone.
        teacher_weights: Its weights.
        teacher_outputs: On the training split, ``(n, outputs)``.
        assistant: Gives a network between teacher and student in size, and its inherited weights.
        train: Trains a network from weights, following outputs if there are any, as the student
            would be but without compression; gives its weights.
        outputs: Gives a network's outputs on the training split.
        features: Gives the output of a layer of a network on the training split.
    """

    student: Network
    weights: Weights
    teacher: Network | None
    teacher_weights: Weights
    teacher_outputs: Reals
    assistant: Callable[[], tuple[Network, Weights]]
    train: Callable[[Network, Weights, Reals | None], Weights]
    outputs: Callable[[Network, Weights], Reals]
    features: Callable[[Network, Weights, str], Reals]


class Teaching(ABC):
    """One kind of distillation.

    Attributes:
        name: In a search space.
        needs_network: Whether the teacher's layers are needed, not its outputs alone.
    """

    name: ClassVar[str]
    needs_network: ClassVar[bool] = False

    @abstractmethod
    def lesson(self, room: Classroom) -> Lesson:
        """Return what the student is taught by."""
