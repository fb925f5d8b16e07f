"""CPU instructions per inference, predicted from fits to operators that were counted.

``tables/instructions_CORE.yaml`` has a fit, with its error, for each operator, kind of values and
code path that was counted. What was not counted is estimated from what is most like it, and said
to be; what cannot be told at all is None, never zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from autotiny.runtimes._base import KernelSet, Origin, Target
from autotiny.runtimes.tflm import code_paths, work
from autotiny.runtimes.tflm.code_paths import WEIGHTED
from autotiny.runtimes.tflm.code_size import known_operators
from autotiny.runtimes.tflm.tables import instructions_stand, load_table
from autotiny.tflite.model import Model, Operator

__all__ = ["WEIGHTED", "Work", "model_work", "operator_work", "parameter_count", "parameter_inputs"]


@dataclass(frozen=True)
class Work:
    """What one inference computes.

    Attributes:
        macs: Multiply-accumulate operations.
        instructions: CPU instructions; None if they cannot be told.
        error: Relative error of the instructions; None if they cannot be told.
        origin: ``predicted``, or ``estimated`` if any part was not counted itself.
        known: Instructions of the operators that can be told.
        unaccounted: Sentences about what was estimated or cannot be told.
    """

    macs: int
    instructions: int | None
    error: float | None
    origin: Origin
    known: int
    unaccounted: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Fit:
    """A fit that stands for an operator.

    Attributes:
        coefficients: Instructions per unit of each of the operator's terms.
        error: Relative error of the fit, and of standing for something else.
        stands: What it is the fit of, if not of the operator itself.
    """

    coefficients: Mapping[str, float]
    error: float
    stands: str | None = None


def operator_work(model: Model, operator: Operator, target: Target) -> Work:
    """Return what one operator computes per inference."""
    macs = work.macs(model, operator)
    fit = _fit(
        operator.name, code_paths.kind(model, operator), code_paths.variant(model, operator), target
    )
    if fit is None:
        return Work(macs, None, None, "estimated", 0, (_unknown(operator.name),))
    terms = work.terms(model, operator)
    count = round(sum(value * terms.get(name, 0) for name, value in fit.coefficients.items()))
    if fit.stands is None:
        return Work(macs, count, fit.error, "predicted", count)
    sentence = (
        f"Instructions of {_described(model, operator)}: not counted; estimated from those of "
        f"{fit.stands}, within {fit.error:.0%}."
    )
    return Work(macs, count, fit.error, "estimated", count, (sentence,))


def model_work(model: Model, target: Target) -> Work:
    """Return what a whole model computes per inference.

    The errors of its operators add up, weighted by their instructions.
    """
    return combined([operator_work(model, op, target) for op in model.operators], target)


def combined(works: Sequence[Work], target: Target) -> Work:
    """Return what operators compute together, with the interpreter between them."""
    macs = sum(item.macs for item in works)
    unaccounted = list(dict.fromkeys(text for item in works for text in item.unaccounted))
    known = int(load_table("instructions")["per_inference"]) + sum(item.known for item in works)
    stand = instructions_stand(target)
    if stand.error:
        unaccounted.append(
            f"Instructions: counted with another core or TFLM ({stand.build}, {stand.kernels} "
            f"kernels), and taken over for {target.core}."
        )
    if any(item.instructions is None for item in works):
        return Work(macs, None, None, "estimated", known, tuple(unaccounted))
    wrong = sum((item.error or 0.0) * item.known for item in works)
    error = wrong / known + stand.error
    exact = all(item.origin == "predicted" for item in works) and not stand.error
    return Work(
        macs, known, round(error, 4), "predicted" if exact else "estimated", known,
        tuple(unaccounted),
    )  # fmt: skip


def parameter_count(model: Model) -> int:
    """Return the number of weight and bias values, each stored tensor counted once."""
    decoded = _decoded_weights(model)
    counted: dict[int, int] = {}
    for operator in model.operators:
        for index in parameter_inputs(model, operator):
            tensor = model.tensors[index]
            if tensor.data is not None or index in decoded:
                counted[index] = tensor.elements
    return sum(counted.values())


def parameter_inputs(model: Model, operator: Operator) -> tuple[int, ...]:
    """Return the tensor indices of an operator's weights and biases."""
    if operator.name not in WEIGHTED and "LSTM" not in operator.name:
        return ()
    # A transposed convolution's first input is its output shape, and its third the activation.
    positions = (1, 3) if operator.name == "TRANSPOSE_CONV" else range(1, len(operator.inputs))
    found = [operator.inputs[p] for p in positions if p < len(operator.inputs)]
    return tuple(index for index in found if index >= 0 and not model.tensors[index].is_variable)


def _decoded_weights(model: Model) -> set[int]:
    return {index for op in model.operators if op.name == "TFLM_DECODE" for index in op.outputs}


def _unknown(name: str) -> str:
    if name in load_table("instructions")["depends_on_data"]:
        return f"Instructions of {name}: depend on the data, so that they cannot be told."
    return f"Instructions of {name}: not known; TFLM has no operator of that name."


def _described(model: Model, operator: Operator) -> str:
    kind = code_paths.kind(model, operator)
    return f"{operator.name} with {kind} values"


@cache
def _fits(
    version: str, core: str, kernels: KernelSet
) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Return fits by operator, kind and variant; CMSIS-NN has its own for what it implements."""
    target = Target(core=core, kernels=kernels, tflm_version=version)
    data = instructions_stand(target).table
    fits: dict[str, dict[str, dict[str, Any]]] = {}
    for kernel_set in dict.fromkeys(("reference", kernels)):
        for name, entries in data.get(kernel_set, {}).items():
            own: dict[str, dict[str, Any]] = {}
            for key, coefficients in entries.items():
                kind, _, variant = key.partition("/")
                own.setdefault(kind, {})[variant] = coefficients
            fits.setdefault(name, {}).update(own)
    return fits


def _fit(name: str, kind: str, variant: str, target: Target) -> _Fit | None:
    """Return the fit of an operator, or of what is most like it; None if nothing is."""
    general = load_table("instructions")
    fits = _fits(target.tflm_version, target.core, target.kernels)
    if kind in fits.get(name, {}):
        return _as_fit(_of_variant(fits[name][kind], variant))
    if name in fits:
        nearest = _nearest(kind, fits[name])
        stands = f"{name} with {nearest} values"
        return _as_fit(_of_variant(fits[name][nearest], variant), general["kind_error"], stands)
    if name in general["depends_on_data"] or name not in known_operators(target):
        return None
    like = general["like"][name]
    nearest = _nearest(kind, fits[like])
    return _as_fit(_of_variant(fits[like][nearest], ""), general["like_error"], like)


def _of_variant(fits: Mapping[str, Any], variant: str) -> Mapping[str, Any]:
    """Return the fit of a code path, or that of all of them."""
    found: Mapping[str, Any] = fits.get(variant) or fits.get("") or next(iter(fits.values()))
    return found


def _as_fit(entry: Mapping[str, Any], error: float = 0.0, stands: str | None = None) -> _Fit:
    coefficients = {name: value for name, value in entry.items() if name != "error"}
    return _Fit(coefficients, max(float(entry["error"]), error), stands)


def _nearest(kind: str, kinds: Iterable[str]) -> str:
    """Return the kind of values among those counted whose kernels are most alike."""
    order = load_table("instructions")["nearest_kinds"].get(kind, ())
    known = list(kinds)
    return next((name for name in order if name in known), known[0])
