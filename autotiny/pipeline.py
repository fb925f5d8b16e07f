"""The road of one candidate, from hyperparameters to a scored artifact.

    candidate -> cut, prune, plan, lower, footprint      prepare(): milliseconds, no training
              -> train, lower, footprint, validation     finish(): only if it fits

Both halves end in the same ``_lower``, so the footprint a candidate is judged by before training
cannot drift from the one it has afterwards.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autotiny.base_model import BaseModel
from autotiny.compression.clustering import plan_levels, snap_clustered
from autotiny.compression.precision import choose_plan
from autotiny.compression.sensitivity import Sensitivity
from autotiny.compression.sparsity import prune
from autotiny.compression.width import cut
from autotiny.evaluation import litert_outputs
from autotiny.lowering import Ranges, activation_ranges, lower
from autotiny.network import Network, Weights, fold_batch_norm
from autotiny.precision import PrecisionPlan
from autotiny.runtimes._base import Footprint, Packed, Runtime, Target
from autotiny.space import Candidate
from autotiny.tasks._base import Task

#: Epochs that low-bit layers get on their final grid, as a share of those before it.
GRID_SHARE = 0.35


@dataclass(frozen=True)
class Spending:
    """What else takes the target's memory.

    Attributes:
        target: What the models will run on.
        app_flash_bytes: Flash of the user's own application.
        app_ram_bytes: RAM of the user's own application.
        arena_limit: Arena bytes that a choice of encoding must not exceed; None: no limit.
    """

    target: Target
    app_flash_bytes: int = 0
    app_ram_bytes: int = 0
    arena_limit: int | None = None


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
        candidate: Its hyperparameters.
        network: The student.
        weights: Inherited from the base model.
        plan: Bits per layer.
        artifact: Lowered from inherited, pruned weights: its size is the trained one's.
    """

    candidate: Candidate
    network: Network
    weights: Weights
    plan: PrecisionPlan
    artifact: Artifact

    @property
    def grid_epochs(self) -> int:
        """Epochs on the weights' final grid, after those of the candidate; 0 if all are int8."""
        if all(precision.weight_bits == 8 for precision in self.plan.values()):
            return 0
        return max(1, round(self.candidate.epochs * GRID_SHARE))


@dataclass(frozen=True)
class Scored:
    """A trained candidate.

    Attributes:
        artifact: What was scored.
        plan: Bits per layer.
        accuracy: Of the quantised model on the validation split, measured in LiteRT.
    """

    artifact: Artifact
    plan: PrecisionPlan
    accuracy: float


class Pipeline:
    """Turns candidates of one study into artifacts."""

    def __init__(
        self,
        task: Task,
        base: BaseModel,
        sensitivity: Sequence[Sensitivity],
        runtime: Runtime,
        spending: Spending,
        *,
        seed: int,
        batch_size: int,
    ) -> None:
        self._task, self._base, self._sensitivity = task, base, tuple(sensitivity)
        self._runtime, self._spending = runtime, spending
        self._seed, self._batch_size = seed, batch_size

    def prepare(self, candidate: Candidate) -> Prepared:
        """Return the candidate's student, plan and footprint, untrained."""
        network, weights = cut(self._base.network, self._base.weights, candidate.width)
        pruned = prune(network, weights, candidate.sparsity.final)
        plan = self.plan(network, pruned, candidate.precision_tolerance)
        folded, pruned = fold_batch_norm(network, pruned)
        # The layers keep their names when cut, so the base model's ranges serve.
        artifact = self._lower(candidate, folded, pruned, plan, self._base.ranges)
        if wasted := _wasted(plan, artifact.packed):
            plan = {layer: plan[layer] for layer in plan if layer not in wasted}
            artifact = self._lower(candidate, folded, pruned, plan, self._base.ranges)
        return Prepared(candidate, network, weights, plan, artifact)

    def plan(self, network: Network, pruned: Weights, tolerance: float) -> PrecisionPlan:
        """Return the precision plan of a student for a tolerance.

        Args:
            network: The student.
            pruned: Its weights, zeros included: they may make a lower precision pointless.
            tolerance: Largest summed sensitivity, in nats.
        """
        zeros = {name: int((array == 0).sum()) for name, array in pruned.items()}
        costs = self._runtime.precision_costs(network, self._spending.target, zeros)
        return choose_plan(network, self._sensitivity, tolerance, costs)

    def finish(
        self, prepared: Prepared, *, seed: int, on_epoch: Callable[[int, float], None] | None = None
    ) -> Scored:
        """Train a candidate, lower it and score it on the validation split.

        Args:
            prepared: From ``prepare``.
            seed: Of the order of samples.
            on_epoch: Called with the epoch's number and mean loss.
        """
        network, weights = self._train(prepared, seed, on_epoch)
        ranges = activation_ranges(network, weights, self.representative)
        artifact = self._lower(prepared.candidate, network, weights, prepared.plan, ranges)
        validation = self._task.validation
        accuracy = litert_outputs(artifact.model, validation.x).accuracy(validation.y)
        return Scored(artifact, prepared.plan, accuracy)

    @cached_property
    def representative(self) -> NDArray[np.float32]:
        """Training samples that activation ranges are measured on."""
        return representative_samples(self._task, self._seed)

    def _train(
        self, prepared: Prepared, seed: int, on_epoch: Callable[[int, float], None] | None
    ) -> tuple[Network, Weights]:
        """Return the trained student without batch norm, low-bit kernels on their levels."""
        from autotiny.training import TrainingSettings, train

        candidate = prepared.candidate
        settings = TrainingSettings(
            epochs=candidate.epochs,
            learning_rate=candidate.learning_rate,
            batch_size=self._batch_size,
            seed=seed,
            sparsity=candidate.sparsity,
            distillation=candidate.distillation,
        )
        teacher = self._base.train_logits
        result = train(
            prepared.network,
            prepared.weights,
            self._task.train,
            settings,
            teacher_logits=teacher,
            on_epoch=on_epoch,
        )
        network, weights = fold_batch_norm(prepared.network, result.weights)
        if not prepared.grid_epochs:
            return network, weights
        levels = plan_levels(network, weights, prepared.plan, seed=self._seed)
        settings = dataclasses.replace(
            settings,
            epochs=prepared.grid_epochs,
            # The grid is entered from a trained model: smaller steps keep it one.
            learning_rate=candidate.learning_rate / 4,
            sparsity=dataclasses.replace(candidate.sparsity, final=0.0),
            levels=levels,
            keep_zeros=candidate.sparsity.final > 0,
        )
        done = len(result.losses)
        result = train(
            network,
            weights,
            self._task.train,
            settings,
            teacher_logits=teacher,
            on_epoch=on_epoch and (lambda epoch, loss: on_epoch(done + epoch, loss)),
        )
        return network, snap_clustered(result.weights, levels)

    def _lower(
        self,
        candidate: Candidate,
        network: Network,
        weights: Weights,
        plan: PrecisionPlan,
        ranges: Ranges,
    ) -> Artifact:
        levels = plan_levels(network, weights, plan, seed=self._seed)
        weights = snap_clustered(weights, levels)
        model = lower(network, weights, plan, ranges)
        spending = self._spending
        packed = self._runtime.pack(
            model,
            spending.target,
            arena_limit=spending.arena_limit,
            grow_arena=candidate.encoding_ram == "budget",
        )
        footprint = self._runtime.footprint(
            packed.image,
            spending.target,
            app_flash_bytes=spending.app_flash_bytes,
            app_ram_bytes=spending.app_ram_bytes,
        )
        return Artifact(model, packed, footprint)


def _wasted(plan: PrecisionPlan, packed: Packed) -> set[str]:
    """Return the layers whose few bits save nothing, since no smaller encoding was to be had."""
    return {
        layer
        for layer, precision in plan.items()
        if precision.weight_bits < 8 and packed.encodings.get(f"{layer}/kernel") == "int8"
    }


def representative_samples(task: Task, seed: int, count: int = 256) -> NDArray[np.float32]:
    """Return training samples, at most ``count``, chosen by the seed."""
    rows = np.random.default_rng(seed).permutation(len(task.train))[:count]
    return task.train.x[rows]
