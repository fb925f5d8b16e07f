"""The road of one candidate, from hyperparameters to a scored artifact.

    candidate -> shorten, cut, plan, lower a stand-in, footprint  prepare(): milliseconds, untrained
              -> train, lower, footprint, validation     finish(): only if it fits

Both halves end in the same ``_lower``. Before training it lowers weights that pack worst
(``lowering.stand_in``), so the flash a candidate is judged by is an upper bound of what it takes
afterwards, and it keeps any budget that its stand-in keeps: nothing is trained and ends over it.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autotiny.base_model import BaseModel
from autotiny.budget.spending import Spending
from autotiny.candidate import Bits, Candidate
from autotiny.compression.clustering import plan_levels, snap_clustered
from autotiny.compression.depth import BlockCost, shorten
from autotiny.compression.importance import Evidence
from autotiny.compression.precision import choose_plan
from autotiny.compression.precision_modes import given_plan
from autotiny.compression.sensitivity import Sensitivity
from autotiny.compression.sparsity import Pruning
from autotiny.compression.sparsity.choice import choose_pruning, zero_counts
from autotiny.compression.sparsity.shares import SparsitySensitivity
from autotiny.compression.width import Thinning, cut
from autotiny.errors import CandidateError, InputError
from autotiny.evaluation import litert_outputs
from autotiny.lowering import (
    Grids,
    Ranges,
    activation_ranges,
    input_range,
    lower,
    operator_bits,
    stand_in,
)
from autotiny.lowering.bias_correction import corrected_biases
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.layers import Softmax
from autotiny.networks.precision import PrecisionPlan
from autotiny.runtimes._base import Packed, Runtime
from autotiny.students import Artifact, Prepared, Student, train_student
from autotiny.tasks._base import Task
from autotiny.teacher import Teacher
from autotiny.training.augmentations import suits

#: What a model does to its last values on the device: nothing, or probabilities of classes.
Head = Literal["linear", "softmax"]
#: Name of the layer that does it.
_HEAD = "probabilities"


@dataclass(frozen=True)
class Scored:
    """A trained candidate.

    Attributes:
        artifact: What was scored.
        plan: Bits per layer.
        score: Of the quantised model on the validation split, measured in LiteRT.
    """

    artifact: Artifact
    plan: PrecisionPlan
    score: float


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
        blocks: Sequence[BlockCost] = (),
        sparsity_sensitivity: Sequence[SparsitySensitivity] = (),
        evidence: Evidence | None = None,
        protect: Sequence[str] = (),
        head: Head = "linear",
        teacher: Teacher | None = None,
    ) -> None:
        self._task, self._base, self._sensitivity = task, base, tuple(sensitivity)
        self._runtime, self._spending = runtime, spending
        self._teacher = teacher or Teacher.of(base)
        self._head, self._sparsity_sensitivity = head, tuple(sparsity_sensitivity)
        self._seed, self._batch_size, self._blocks = seed, batch_size, tuple(blocks)
        self._evidence, self._protect = evidence, tuple(protect)

    def prepare(self, candidate: Candidate) -> Prepared:
        """Return the candidate's student, plan and footprint, untrained.

        Hyperparameters that change no byte of the file are dropped: sparsity where no kernel is
        stored in fewer bytes for its zeros, and fewer bits where no smaller encoding is to be had.
        """
        network, weights = self._base.network, self._base.weights
        network, weights = shorten(network, weights, self._blocks, candidate.depth)
        thinning = Thinning(
            candidate.importance,
            candidate.width_scope,
            candidate.width_floor,
            candidate.width_multiple,
            self._protect,
        )
        network, weights = cut(
            network, weights, candidate.width, thinning, evidence=self._evidence, seed=self._seed
        )
        folded, inherited = fold_batch_norm(network, weights)
        pruning = self._pruning(candidate, folded, inherited)
        zeros = zero_counts(pruning, folded)
        wanted = self.plan(folded, candidate.bits, zeros)
        plan, artifact = self._stood_in(candidate, folded, wanted, zeros)
        pruned = tuple(name for name in zeros if name in artifact.packed.sparse)
        dropped = {}
        if candidate.depth < 1 and not self._blocks:
            dropped["depth"] = "no block of the base model can be left out"
            candidate = dataclasses.replace(candidate, depth=1.0)
        if zeros and not pruned:
            dropped["sparsity"] = "masks of its zeros would save no bytes"
            dense = dataclasses.replace(candidate.sparsity, final=0.0)
            candidate = dataclasses.replace(candidate, sparsity=dense)
            pruning = Pruning(dense)
            if (without := self.plan(folded, candidate.bits)) != wanted:
                plan, artifact = self._stood_in(candidate, folded, without, {})
        augmentation = candidate.fitting.augmentation
        if not suits(augmentation, self._task.layout):
            dropped["augmentation"] = f"{augmentation} is not for samples of {self._task.layout}s"
            plain = dataclasses.replace(candidate.fitting, augmentation="none")
            candidate = dataclasses.replace(candidate, fitting=plain)
        if candidate.bits.mode == "sensitivity":
            if candidate.bits.tolerance > 0 and not plan:
                dropped["precision_tolerance"] = "fewer bits save nothing within it"
        elif wanted and not plan:
            dropped["bits"] = "fewer bits save nothing"
        if set(artifact.packed.encodings.values()) <= {"int8"}:
            dropped["encoding_ram"] = "no weights are decoded"
        return Prepared(
            candidate, network, weights, plan, pruning, pruned, artifact, thinning, dropped
        )

    def _pruning(self, candidate: Candidate, network: Network, weights: Weights) -> Pruning:
        """Return how a student is pruned.

        Args:
            candidate: Its hyperparameters.
            network: The student without batch norm.
            weights: What it inherits, likewise.
        """

        def gradients() -> Weights:
            from autotiny.training.gradients import batch_gradients

            task = self._task
            return batch_gradients(network, weights, task.train, task.goal, seed=self._seed)

        return choose_pruning(
            candidate.sparsity,
            network,
            weights,
            criterion=candidate.pruning_criterion,
            pattern=candidate.pruning_pattern,
            mode=candidate.sparsity_mode,
            sensitivity=self._sparsity_sensitivity,
            gradients=gradients,
            protect=self._protect,
            seed=self._seed,
        )

    def uncompressed(self) -> Artifact:
        """Return the base model as it is, lowered to int8: nothing is cut, pruned or trained."""
        network, weights = fold_batch_norm(self._base.network, self._base.weights)
        candidate = Candidate.from_parameters({})
        grids = candidate.quantisation.grids
        return self._lower(candidate, network, weights, {}, self._base.ranges, grids)

    def plan(
        self, network: Network, bits: Bits, zeros: Mapping[str, int] | None = None
    ) -> PrecisionPlan:
        """Return the precision plan of a student.

        Args:
            network: The student.
            bits: Where they come from.
            zeros: How many weights of a kernel will be zero: they may make a lower precision
                pointless.
        """
        costs = self._runtime.precision_costs(network, self._spending.target, zeros or {})
        if bits.mode == "sensitivity":
            return choose_plan(network, self._sensitivity, bits.tolerance, costs)
        own = dict(bits.layers) if bits.mode == "free" else {}
        return given_plan(network, bits.weights, bits.activations, costs, own)

    def finish(
        self, prepared: Prepared, *, seed: int, on_epoch: Callable[[int, float], None] | None = None
    ) -> Scored:
        """Train a candidate, lower it and score it on the validation split.

        Args:
            prepared: From ``prepare``.
            seed: Of the order of samples.
            on_epoch: Called with the epoch's number and mean loss.

        Raises:
            CandidateError: If training diverged, or the model is larger than its bound.
        """
        student = train_student(
            prepared,
            self._task,
            self._base,
            self._teacher,
            self.representative,
            batch_size=self._batch_size,
            seed=seed,
            cluster_seed=self._seed,
            evidence=self._evidence,
            on_epoch=on_epoch,
        )
        plan, quantisation = prepared.plan, prepared.candidate.quantisation
        ranges = student.ranges or activation_ranges(
            student.network,
            student.weights,
            self.representative,
            calibration=quantisation.calibration,
            bits=operator_bits(student.network, plan),
        )
        grids = dataclasses.replace(quantisation.grids, kernel_scales=student.kernel_scales)
        weights = self._corrected(prepared, student, grids)
        artifact = self._lower(prepared.candidate, student.network, weights, plan, ranges, grids)
        artifact = self._within_bound(prepared, artifact)
        validation = self._task.validation
        outputs = litert_outputs(artifact.model, validation.x)
        return Scored(artifact, prepared.plan, self._task.goal.score(outputs.real, validation))

    def _stood_in(
        self,
        candidate: Candidate,
        network: Network,
        plan: PrecisionPlan,
        zeros: Mapping[str, int],
    ) -> tuple[PrecisionPlan, Artifact]:
        """Return the lowered stand-in of a student, and the plan without bits that save nothing."""
        limits = self._input_range(candidate.quantisation.calibration)
        # Its weights are at the ends of their grids already: none is to be cut off.
        grids = dataclasses.replace(candidate.quantisation.grids, weight_scaling="absmax")
        while True:
            weights, ranges = stand_in(
                network,
                plan,
                limits,
                zeros,
                grids,
                in_blocks=candidate.pruning_pattern == "blocks",
            )
            artifact = self._lower(
                candidate, network, weights, plan, ranges, grids, any_values=True
            )
            if not (wasted := _wasted(plan, artifact.packed)):
                return plan, artifact
            plan = {layer: plan[layer] for layer in plan if layer not in wasted}

    def _input_range(self, calibration: str) -> tuple[float, float]:
        """Return the range of the input, which training does not change."""
        if calibration == "minmax":
            return self._base.ranges[INPUT]
        return input_range(self.representative, calibration=calibration)

    def _corrected(self, prepared: Prepared, student: Student, grids: Grids) -> Weights:
        """Return a student's weights, with corrected biases if they are wanted."""
        kind, plan = prepared.candidate.quantisation.training, prepared.plan
        wanted = prepared.candidate.quantisation.bias_correction == "on"
        if not wanted or kind not in ("grid", "post_training"):
            return student.weights
        network, weights = student.network, student.weights
        low = [name for name, precision in plan.items() if precision.weight_bits < 8]
        return corrected_biases(
            network,
            weights,
            snap_clustered(weights, plan_levels(network, weights, plan, seed=self._seed)),
            plan,
            grids,
            self.representative,
            skipped=low if kind == "grid" else (),
        )

    def _within_bound(self, prepared: Prepared, artifact: Artifact) -> Artifact:
        """Return a trained artifact that keeps the budget which its stand-in kept.

        The packer makes the image smallest, which may cost RAM or time that the stand-in's
        encodings do not. Those are always to be had, and take what was predicted at most.
        """
        budget, bound = self._spending.budget, prepared.artifact
        if budget.fits(artifact.footprint) or not budget.fits(bound.footprint):
            return artifact
        try:
            stored = self._packed(prepared.candidate, artifact.model, bound.packed.encodings)
        except InputError as error:
            raise CandidateError(
                f"The trained model cannot be stored as planned: {error}"
            ) from error
        if not budget.fits(stored.footprint):
            over = [name for name, excess in budget.excess(stored.footprint).items() if excess > 0]
            raise CandidateError(
                "The trained model must keep the budget as predicted; it breaks "
                f"{', '.join(over)}: {stored.footprint.flash_bytes} B of flash, "
                f"{stored.footprint.ram_bytes} B of RAM."
            )
        return stored

    @cached_property
    def representative(self) -> NDArray[np.float32]:
        """Training samples that activation ranges are measured on."""
        return representative_samples(self._task, self._seed)

    def _lower(
        self,
        candidate: Candidate,
        network: Network,
        weights: Weights,
        plan: PrecisionPlan,
        ranges: Ranges,
        grids: Grids,
        *,
        any_values: bool = False,
    ) -> Artifact:
        levels = plan_levels(network, weights, plan, seed=self._seed)
        weights = snap_clustered(weights, levels)
        if self._head == "softmax":
            end = Softmax(_HEAD, inputs=(network.output,))
            network = Network(network.input_shape, (*network.layers, end))
            ranges = {**ranges, _HEAD: (0.0, 1.0)}
        model = lower(network, weights, plan, ranges, grids)
        return self._packed(candidate, model, any_values=any_values)

    def _packed(
        self,
        candidate: Candidate,
        model: bytes,
        encodings: Mapping[str, str] | None = None,
        *,
        any_values: bool = False,
    ) -> Artifact:
        spending = self._spending
        packed = self._runtime.pack(
            model,
            spending.target,
            arena_limit=spending.arena_limit,
            grow_arena=candidate.encoding_ram == "budget",
            encodings=encodings,
            any_values=any_values,
        )
        footprint = self._runtime.footprint(
            packed.image,
            spending.target,
            app_flash_bytes=spending.app_flash_bytes,
            app_ram_bytes=spending.app_ram_bytes,
            any_values=any_values,
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
