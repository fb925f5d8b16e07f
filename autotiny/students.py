"""A candidate's student before training, and its training."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autotiny.base_model import BaseModel
from autotiny.candidate import Candidate
from autotiny.compression.clustering import plan_levels, snap_clustered
from autotiny.compression.distillation import NO_LESSON, TEACHINGS, Classroom, Lesson
from autotiny.compression.importance import Evidence
from autotiny.compression.sparsity import Pruning
from autotiny.compression.width import Thinning, cut
from autotiny.errors import InputError
from autotiny.lowering import FREE_GRIDS, Ranges, activation_ranges, operator_bits
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import Network, Weights
from autotiny.networks.precision import PrecisionPlan
from autotiny.runtimes._base import Footprint, Packed
from autotiny.tasks._base import Task
from autotiny.teacher import Teacher

if TYPE_CHECKING:
    from autotiny.training.loop import TrainingSettings
    from autotiny.training.simulation import Simulated

Reals = NDArray[np.float32]

#: Epochs that low-bit layers get on their final grid, as a share of those before it.
GRID_SHARE = 0.35


@dataclass(frozen=True)
class Artifact:
    """A lowered candidate.

    Attributes:
        model: Full quantised .tflite.
        packed: The image and how its weights are stored.
        footprint: Of that very image.
    """

    model: bytes
    packed: Packed
    footprint: Footprint


@dataclass(frozen=True)
class Prepared:
    """A candidate before training.

    Attributes:
        candidate: Its hyperparameters, without those that change nothing.
        network: The student.
        weights: Inherited from the base model.
        plan: Bits per layer.
        pruning: How they are.
        pruned: Kernels that are pruned: those that are stored in fewer bytes for it.
        artifact: Lowered from a stand-in: its flash is an upper bound of the trained one's, and so
            is its RAM unless other encodings, which the budget has room for, make flash smaller.
        thinning: How its channels were chosen.
        dropped: Hyperparameter to why it changes no byte of this candidate's file.
    """

    candidate: Candidate
    network: Network
    weights: Weights
    plan: PrecisionPlan
    pruning: Pruning
    pruned: tuple[str, ...]
    artifact: Artifact
    thinning: Thinning = field(default_factory=Thinning)
    dropped: Mapping[str, str] = field(default_factory=dict)

    @property
    def grid_epochs(self) -> int:
        """Epochs on the final grid, after those of the candidate; 0 if nothing is trained on it."""
        low = any(precision.weight_bits < 8 for precision in self.plan.values())
        kind = self.candidate.quantisation.training
        if kind == "post_training" or (kind == "grid" and not low):
            return 0
        return max(1, round(self.candidate.epochs * GRID_SHARE))


@dataclass(frozen=True)
class Student:
    """A trained student without batch norm.

    Attributes:
        network: Its layers.
        weights: Their arrays; clustered kernels are on their levels if they were trained on them.
        ranges: Of its tensors, where it was trained on them.
        kernel_scales: Array name to scales, of kernels that were trained on theirs.
    """

    network: Network
    weights: Weights
    ranges: Ranges | None = None
    kernel_scales: Mapping[str, Reals] = field(default_factory=dict)


def train_student(
    prepared: Prepared,
    task: Task,
    base: BaseModel,
    teacher: Teacher,
    samples: Reals,
    *,
    batch_size: int,
    seed: int,
    cluster_seed: int,
    evidence: Evidence | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
) -> Student:
    """Return the trained student.

    Args:
        prepared: The candidate.
        task: Its data.
        base: The base model.
        teacher: Who teaches: the base model, too, or another.
        samples: Training samples that ranges are measured on.
        batch_size: Samples a step where the candidate does not say.
        seed: Of the order of samples and of all that is drawn.
        cluster_seed: Of the levels of few bits, and of what a network in between keeps.
        evidence: What was measured of the base model, for one that is cut by it.
        on_epoch: Called with the epoch's number and mean loss.
    """
    from autotiny.training.loop import train

    candidate, fitting = prepared.candidate, prepared.candidate.fitting
    settings = _settings(prepared, batch_size, seed)

    def cut_to(width: float) -> tuple[Network, Weights]:
        return cut(
            base.network,
            base.weights,
            width,
            prepared.thinning,
            evidence=evidence,
            seed=cluster_seed,
        )

    lesson = _lesson(prepared, task, teacher, settings, cut_to)
    result = train(
        prepared.network,
        prepared.weights,
        task.train,
        settings,
        goal=task.goal,
        lesson=lesson,
        validation=task.validation,
        on_epoch=on_epoch,
    )
    network, weights = fold_batch_norm(prepared.network, result.weights)
    if not prepared.grid_epochs:
        return Student(network, weights)
    simulated = _simulated(prepared, network, weights, samples)
    levels = plan_levels(network, weights, prepared.plan, seed=cluster_seed)
    if simulated is not None:  # which has grids of its own
        levels = {name: level for name, level in levels.items() if level.clustered}
    settings = dataclasses.replace(
        settings,
        epochs=prepared.grid_epochs,
        # The grid is entered from a trained model: smaller steps keep it one.
        learning_rate=candidate.learning_rate * fitting.grid_rate,
        fine_tuning_rate=1.0,
        regulariser="none",
        patience=None,
        pruning=Pruning(dataclasses.replace(candidate.sparsity, final=0.0)),
        levels=levels,
        simulated=simulated,
        keep_zeros=candidate.sparsity.final > 0,
    )
    done = len(result.losses)
    result = train(
        network,
        weights,
        task.train,
        settings,
        goal=task.goal,
        # A hint or a peer has said what it can; what is left is to follow the teacher's outputs.
        lesson=Lesson(teacher.train_outputs if lesson.outputs is None else lesson.outputs),
        on_epoch=on_epoch and (lambda epoch, loss: on_epoch(done + epoch, loss)),
    )
    weights = snap_clustered(result.weights, levels)
    if result.grids is None:
        return Student(network, weights)
    return Student(network, weights, result.grids.ranges, result.grids.kernel_scales)


def _simulated(
    prepared: Prepared, network: Network, weights: Weights, samples: Reals
) -> "Simulated | None":
    """Return what of lowering the second phase simulates beside levels of few bits."""
    from autotiny.training.simulation import Simulated

    plan, quantisation = prepared.plan, prepared.candidate.quantisation
    # Uniform grids up to the largest weight are levels, too.
    if quantisation.training == "grid" and quantisation.grids == FREE_GRIDS:
        return None
    ranges = activation_ranges(
        network,
        weights,
        samples,
        calibration=quantisation.calibration,
        bits=operator_bits(network, plan),
    )
    return Simulated(plan, ranges, quantisation.grids, quantisation.training)


def _settings(prepared: Prepared, batch_size: int, seed: int) -> "TrainingSettings":
    from autotiny.training.loop import TrainingSettings

    candidate, fitting = prepared.candidate, prepared.candidate.fitting
    return TrainingSettings(
        epochs=candidate.epochs,
        learning_rate=candidate.learning_rate,
        fine_tuning_rate=fitting.fine_tuning_rate,
        batch_size=fitting.batch_size or batch_size,
        optimiser=fitting.optimiser,
        weight_decay=fitting.weight_decay,
        regulariser=fitting.regulariser,
        regulariser_factor=fitting.regulariser_factor,
        label_smoothing=fitting.label_smoothing,
        mixup=fitting.mixup,
        augmentation=fitting.augmentation,
        augmentation_strength=fitting.augmentation_strength,
        patience=fitting.patience or None,
        seed=seed,
        pruning=prepared.pruning,
        pruned=prepared.pruned,
        distillation=candidate.distillation,
    )


def _lesson(
    prepared: Prepared,
    task: Task,
    teacher: Teacher,
    settings: "TrainingSettings",
    cut_to: Callable[[float], tuple[Network, Weights]],
) -> Lesson:
    """Return what a student is taught by; networks in between are cut and trained for it."""
    from autotiny.training.forward import features, logits
    from autotiny.training.loop import train

    distillation = prepared.candidate.distillation
    if distillation.alpha == 0:
        return NO_LESSON
    teaching = TEACHINGS[distillation.kind]
    if teaching.needs_network and teacher.network is None:
        raise InputError(
            f"distillation: {teaching.name} needs the teacher's layers, and this teacher is known "
            "by its outputs alone: it must be soft, progressive or self."
        )

    def taught(network: Network, weights: Weights, outputs: Reals | None) -> Weights:
        plain = dataclasses.replace(
            settings,
            pruning=Pruning(),
            distillation=dataclasses.replace(
                distillation, alpha=0.0 if outputs is None else distillation.alpha
            ),
        )
        lesson = Lesson(outputs)
        return train(network, weights, task.train, plain, goal=task.goal, lesson=lesson).weights

    room = Classroom(
        student=prepared.network,
        weights=prepared.weights,
        teacher=teacher.network,
        teacher_weights=teacher.weights,
        teacher_outputs=teacher.train_outputs,
        # Half-way between the two on a logarithmic scale.
        assistant=lambda: cut_to(math.sqrt(prepared.candidate.width)),
        train=taught,
        outputs=lambda network, weights: logits(network, weights, task.train.x),
        features=lambda network, weights, layer: features(network, weights, layer, task.train.x),
    )
    return teaching.lesson(room)
