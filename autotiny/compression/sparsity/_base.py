"""The contracts of unstructured pruning: what a weight is worth, which may go together, and when.

A criterion ranks weights, a pattern says which of them may be zero together, a schedule says how
many are zero at a step. Each is one file and one line of registration.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

#: Weights of a kernel in the order in which they are stored, filter by filter: ``(weights,)``.
Stored = Any


class Criterion(ABC):
    """What a weight is worth: those worth least become zero.

    Attributes:
        name: In a search space.
        needs_gradient: Whether it reads the gradient of the loss on a batch of training data.
    """

    name: ClassVar[str]
    needs_gradient: ClassVar[bool] = False

    @abstractmethod
    def scores(self, tf: Any, weights: Stored, gradient: Stored, noise: Stored) -> Stored:
        """Return what each weight is worth, ``(weights,)``, float32, 0 or more.

        Args:
            tf: TensorFlow.
            weights: Of one kernel.
            gradient: Of the loss by them; zeros unless the criterion needs it.
            noise: Uniform in 0..1, the same all through a training.
        """


@dataclass(frozen=True)
class Now:
    """A kernel's sparsity at one step, as scalar tensors.

    Attributes:
        sparsity: It.
        share: Of the final one, 0..1.
        arrived: Whether it is final: counts are then exactly those of the footprint, which single
            precision rounds otherwise.
    """

    sparsity: Any
    share: Any
    arrived: Any


class Pattern(ABC):
    """Which weights may be zero together.

    Attributes:
        name: In a search space.
    """

    name: ClassVar[str]

    @abstractmethod
    def kept_count(self, size: int, sparsity: float) -> int:
        """Return how many of ``size`` weights stay at a final sparsity, at least one."""

    @abstractmethod
    def mask(self, tf: Any, scores: Stored, now: "Now", kept: int) -> Stored:
        """Return 1.0 for weights that stay and 0.0 for others, ``(weights,)``.

        Args:
            tf: TensorFlow.
            scores: What each weight is worth.
            now: How far the sparsity has come.
            kept: How many weights stay when it has arrived.
        """


class StepSchedule(Protocol):
    """How many weights are zero at each step of one training.

    Attributes:
        end_step: At which the final sparsity is reached; -1 if that is not one step.
    """

    @property
    def end_step(self) -> int: ...

    def __call__(self, step: Any) -> tuple[Any, Any]:
        """Return whether the masks are to be updated at a step, and the sparsity, as tensors."""
        ...


@dataclass(frozen=True)
class SparsitySchedule:
    """When how many weights are zero, over the steps of one training.

    Attributes:
        final: Sparsity at the end, a fraction 0..1; 0 prunes nothing.
        kind: Name of a schedule.
        begin: Fraction of all steps at which pruning starts.
        end: Fraction at which the final sparsity is reached; what follows is recovery.
        power: Exponent of the polynomial.
        frequency: Steps between two updates of the masks. Besides, they are updated at ``end`` and
            at the very last step, so that the final sparsity is met whatever the frequency.
        rounds: How often the iterative schedule prunes.
    """

    final: float = 0.0
    kind: str = "polynomial"
    begin: float = 0.0
    end: float = 0.6
    power: float = 3.0
    frequency: int = 20
    rounds: int = 4


class Schedule(ABC):
    """How the sparsity rises.

    Attributes:
        name: In a search space.
    """

    name: ClassVar[str]

    @abstractmethod
    def steps(self, settings: SparsitySchedule, begin: int, end: int) -> StepSchedule:
        """Return it for one training.

        Args:
            settings: What it is to reach, and how.
            begin: First step that prunes.
            end: Step at which the final sparsity is reached, above ``begin``.
        """
