"""One point of a search space."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from autotiny.compression.distillation import Distillation
from autotiny.compression.sparsity import SparsitySchedule
from autotiny.hyperparameters import LAYER_BITS, RULES
from autotiny.lowering import Grids


@dataclass(frozen=True)
class Fitting:
    """How a candidate is trained, besides its learning rate and epochs.

    Attributes:
        optimiser: How weights follow their gradient.
        batch_size: Samples a step; 0 is as many as for the base model.
        fine_tuning_rate: Factor of the learning rate once the final sparsity is reached.
        grid_rate: Factor of the learning rate on the final grid of few bits.
        weight_decay: Decoupled, times the rate.
        regulariser: ``none``, ``l1`` or ``l2``, of kernels that are pruned.
        regulariser_factor: How strong that is.
        label_smoothing: Share of the loss against outputs that prefer nothing.
        mixup: Parameter of the beta distribution; 0 is none.
        augmentation: Name of a combination.
        augmentation_strength: How much samples change.
        patience: Epochs without a better validation score before stopping; 0 trains to the end.
    """

    optimiser: str
    batch_size: int
    fine_tuning_rate: float
    grid_rate: float
    weight_decay: float
    regulariser: str
    regulariser_factor: float
    label_smoothing: float
    mixup: float
    augmentation: str
    augmentation_strength: float
    patience: int

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Fitting":
        """Return it from a trial's complete parameters."""
        return cls(**{  # type: ignore[arg-type]
            field.name: type(RULES[field.name].default)(parameters[field.name])
            for field in fields(cls)
        })  # fmt: skip


@dataclass(frozen=True)
class Quantisation:
    """How real numbers become integers, besides how many bits those have.

    Attributes:
        training: What training knows of it; ``quantisation`` in a search space.
        calibration: How far the integers of activations reach.
        weight_scaling: How far those of weights reach.
        weight_granularity: Whether each channel of a convolution has a scale.
        scale_grid: Any scales, or powers of two.
        bias_correction: Whether biases take up what rounding weights shifts outputs by.
    """

    training: str
    calibration: str
    weight_scaling: str
    weight_granularity: str
    scale_grid: str
    bias_correction: str

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Quantisation":
        """Return it from a trial's complete parameters."""
        named = {"training": "quantisation"}
        return cls(**{
            field.name: str(parameters[named.get(field.name, field.name)])
            for field in fields(cls)
        })  # fmt: skip

    @property
    def grids(self) -> Grids:
        """How lowering chooses scales."""
        return Grids(self.weight_scaling, self.weight_granularity, self.scale_grid)


@dataclass(frozen=True)
class Bits:
    """Where the bits of each layer come from.

    Attributes:
        mode: ``sensitivity``, ``uniform`` or ``free``.
        tolerance: Largest summed sensitivity of the precision plan, in nats.
        weights: Bits of the weights of layers that have none of their own.
        activations: Bits of the activations of layers with weights of 8 bits.
        layers: Names of layers with bits of their own, and these.
    """

    mode: str
    tolerance: float
    weights: int
    activations: int
    layers: tuple[tuple[str, int], ...]

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Bits":
        """Return it from a trial's complete parameters."""
        own = {
            name.removeprefix(LAYER_BITS): int(bits)
            for name, bits in parameters.items()
            if name.startswith(LAYER_BITS)
        }
        return cls(
            mode=str(parameters["precision_mode"]),
            tolerance=float(parameters["precision_tolerance"]),
            weights=int(parameters["bits"]),
            activations=int(parameters["activation_bits"]),
            layers=tuple(own.items()),
        )


@dataclass(frozen=True)
class Candidate:
    """One point of the search space: every hyperparameter of one trial.

    Attributes:
        width: Fraction of the base model's channels that stay.
        importance: What a channel is worth.
        width_scope: How channels are ranked; see ``width.Thinning``.
        width_floor: Share of a layer's channels that ranking over layers leaves it; see there.
        width_multiple: Layers keep a multiple of so many channels.
        depth: Fraction of the base model's removable blocks that stay.
        sparsity: When how many weights become zero.
        pruning_criterion: What a weight is worth.
        pruning_pattern: Which weights may be zero together.
        sparsity_mode: How zeros are spent over layers.
        bits: Of each layer.
        encoding_ram: Where decoded weights may live: ``free`` is under the arena's existing peak,
            ``budget`` is wherever the RAM budget allows.
        quantisation: How its numbers become integers.
        distillation: Temperature and alpha.
        fitting: How it is trained otherwise.
        learning_rate: The peak rate.
        epochs: Passes over the training split; layers of few bits then get a third as many more.
    """

    width: float
    importance: str
    width_scope: str
    width_floor: float
    width_multiple: int
    depth: float
    sparsity: SparsitySchedule
    pruning_criterion: str
    pruning_pattern: str
    sparsity_mode: str
    bits: Bits
    encoding_ram: str
    quantisation: Quantisation
    distillation: Distillation
    fitting: Fitting
    learning_rate: float
    epochs: int

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Candidate":
        """Return the candidate of a trial's parameters; those left out take their defaults."""
        p = {name: rule.default for name, rule in RULES.items()} | dict(parameters)
        begin = float(p["pruning_begin"])
        return cls(
            width=float(p["width"]),
            importance=str(p["importance"]),
            width_scope=str(p["width_scope"]),
            width_floor=float(p["width_floor"]),
            width_multiple=int(p["width_multiple"]),
            depth=float(p["depth"]),
            sparsity=SparsitySchedule(
                final=float(p["sparsity"]),
                kind=p["pruning_schedule"],
                begin=begin,
                end=max(begin, float(p["pruning_end"])),
                power=float(p["pruning_power"]),
                frequency=int(p["pruning_frequency"]),
                rounds=int(p["pruning_rounds"]),
            ),
            pruning_criterion=str(p["pruning_criterion"]),
            pruning_pattern=str(p["pruning_pattern"]),
            sparsity_mode=str(p["sparsity_mode"]),
            bits=Bits.from_parameters(p),
            encoding_ram=str(p["encoding_ram"]),
            quantisation=Quantisation.from_parameters(p),
            distillation=Distillation(
                alpha=float(p["distillation_alpha"]),
                temperature=float(p["distillation_temperature"]),
                kind=str(p["distillation"]),
            ),
            fitting=Fitting.from_parameters(p),
            learning_rate=float(p["learning_rate"]),
            epochs=int(p["epochs"]),
        )


class BaseTraining(BaseModel):
    """How the base model is trained, once per study."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    epochs: int = Field(default=60, ge=1)
    patience: int = Field(default=15, ge=1)
    learning_rate: float = Field(default=0.003, gt=0, lt=1)
    batch_size: int = Field(default=32, ge=1)
