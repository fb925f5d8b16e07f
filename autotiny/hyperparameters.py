"""Every hyperparameter there is, and what it may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from autotiny.compression.distillation import TEACHINGS
from autotiny.compression.importance import IMPORTANCES
from autotiny.compression.precision_modes import ACTIVATION_BITS, WEIGHT_BITS
from autotiny.compression.precision_modes import MODES as PRECISION_MODES
from autotiny.compression.sparsity import CRITERIA, MODES, PATTERNS, SCHEDULES
from autotiny.compression.width import SCOPES
from autotiny.lowering.calibration import CALIBRATIONS
from autotiny.lowering.grids import GRANULARITIES, SCALE_GRIDS
from autotiny.lowering.weight_scaling import WEIGHT_SCALINGS
from autotiny.training.augmentations import COMBINATIONS
from autotiny.training.optimisers import OPTIMISERS
from autotiny.training.simulation import KINDS

Value = bool | int | float | str


@dataclass(frozen=True)
class ParameterRule:
    """What a hyperparameter may be, and what it is when a space leaves it out.

    Attributes:
        kind: ``float``, ``int`` or ``choice``.
        default: Its value when dropped.
        low: Smallest legal value.
        high: Largest legal value.
        choices: Legal values of a choice.
        needs: Another parameter that must be above 0 for this one to matter, or, with ``values``,
            one of these.
        values: See ``needs``.
    """

    kind: Literal["float", "int", "choice"]
    default: Value
    low: float = 0.0
    high: float = 1.0
    choices: tuple[Value, ...] = ()
    needs: str | None = None
    values: tuple[str, ...] = ()

    def matters(self, chosen: Mapping[str, Value]) -> bool:
        """Return whether the parameter changes anything beside others that are chosen."""
        if self.needs is None:
            return True
        other = chosen.get(self.needs, RULES[self.needs].default)
        return other in self.values if self.values else bool(other)


#: Every hyperparameter of a study, in the order they are asked for.
RULES: dict[str, ParameterRule] = {
    "width": ParameterRule("float", 1.0, 0.01, 1.0),
    "importance": ParameterRule("choice", "l1", choices=tuple(IMPORTANCES)),
    "width_scope": ParameterRule("choice", "layer", choices=SCOPES),
    "width_floor": ParameterRule(
        "float", 0.5, 0.0, 1.0, needs="width_scope", values=("bytes", "macs")
    ),
    "width_multiple": ParameterRule("int", 1, 1, 16),
    "depth": ParameterRule("float", 1.0, 0.0, 1.0),
    "sparsity": ParameterRule("float", 0.0, 0.0, 0.99),
    "pruning_schedule": ParameterRule(
        "choice", "polynomial", choices=tuple(SCHEDULES), needs="sparsity"
    ),
    "pruning_begin": ParameterRule("float", 0.0, 0.0, 0.9, needs="sparsity"),
    "pruning_end": ParameterRule("float", 0.6, 0.05, 1.0, needs="sparsity"),
    "pruning_power": ParameterRule("float", 3.0, 0.1, 10.0, needs="sparsity"),
    "pruning_frequency": ParameterRule("int", 20, 1, 10_000, needs="sparsity"),
    "pruning_rounds": ParameterRule(
        "int", 4, 1, 100, needs="pruning_schedule", values=("iterative",)
    ),
    "pruning_criterion": ParameterRule(
        "choice", "magnitude", choices=tuple(CRITERIA), needs="sparsity"
    ),
    "pruning_pattern": ParameterRule("choice", "free", choices=tuple(PATTERNS), needs="sparsity"),
    "sparsity_mode": ParameterRule("choice", "uniform", choices=MODES, needs="sparsity"),
    "precision_mode": ParameterRule("choice", "sensitivity", choices=PRECISION_MODES),
    "precision_tolerance": ParameterRule(
        "float", 0.0, 0.0, 100.0, needs="precision_mode", values=("sensitivity",)
    ),
    "bits": ParameterRule(
        "choice", 8, choices=WEIGHT_BITS, needs="precision_mode", values=("uniform", "free")
    ),
    "activation_bits": ParameterRule(
        "choice", 8, choices=ACTIVATION_BITS, needs="precision_mode", values=("uniform", "free")
    ),
    "quantisation": ParameterRule("choice", "grid", choices=KINDS),
    "calibration": ParameterRule("choice", "minmax", choices=tuple(CALIBRATIONS)),
    "weight_scaling": ParameterRule("choice", "absmax", choices=tuple(WEIGHT_SCALINGS)),
    "weight_granularity": ParameterRule("choice", "channel", choices=GRANULARITIES),
    "scale_grid": ParameterRule("choice", "free", choices=SCALE_GRIDS),
    "bias_correction": ParameterRule(
        "choice",
        "off",
        choices=("off", "on"),
        needs="quantisation",
        values=("grid", "post_training"),
    ),
    "encoding_ram": ParameterRule("choice", "budget", choices=("free", "budget")),
    "distillation_alpha": ParameterRule("float", 0.0, 0.0, 1.0),
    "distillation": ParameterRule(
        "choice", "soft", choices=tuple(TEACHINGS), needs="distillation_alpha"
    ),
    "distillation_temperature": ParameterRule("float", 4.0, 0.1, 100.0, needs="distillation_alpha"),
    "optimiser": ParameterRule("choice", "adam", choices=tuple(OPTIMISERS)),
    "batch_size": ParameterRule("int", 0, 0, 4096),
    "fine_tuning_rate": ParameterRule("float", 1.0, 0.001, 10.0, needs="sparsity"),
    "grid_rate": ParameterRule("float", 0.25, 0.001, 10.0),
    "weight_decay": ParameterRule("float", 0.0, 0.0, 10.0),
    "regulariser": ParameterRule("choice", "none", choices=("none", "l1", "l2"), needs="sparsity"),
    "regulariser_factor": ParameterRule(
        "float", 1e-4, 0.0, 1.0, needs="regulariser", values=("l1", "l2")
    ),
    "label_smoothing": ParameterRule("float", 0.0, 0.0, 0.9),
    "mixup": ParameterRule("float", 0.0, 0.0, 10.0),
    "augmentation": ParameterRule("choice", "none", choices=tuple(COMBINATIONS)),
    "augmentation_strength": ParameterRule(
        "float", 0.5, 0.0, 1.0, needs="augmentation", values=tuple(COMBINATIONS)[1:]
    ),
    "patience": ParameterRule("int", 0, 0, 100_000),
    "learning_rate": ParameterRule("float", 0.002, 1e-7, 1.0),
    "epochs": ParameterRule("int", 30, 1, 100_000),
}

#: What a hyperparameter for one layer's bits starts with; the layer's name follows.
LAYER_BITS = "bits."
_LAYER_RULE = ParameterRule(
    "choice", 8, choices=WEIGHT_BITS, needs="precision_mode", values=("free",)
)


def rule_of(name: str) -> ParameterRule | None:
    """Return the rule of a hyperparameter, if there is one of that name."""
    return _LAYER_RULE if name.startswith(LAYER_BITS) else RULES.get(name)
