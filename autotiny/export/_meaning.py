"""What firmware does with a model's outputs, by the kind of task."""

import math
from dataclasses import dataclass

import numpy as np

from autotiny.errors import InputError
from autotiny.export._interface import Interface
from autotiny.export._request import BundleRequest


@dataclass(frozen=True)
class Meaning:
    """How outputs are read.

    Attributes:
        template: Which of firmware_templates/common/ turns them into words.
        noun: What a name stands for.
        plural: What the outputs are.
        threshold: In the outputs' units or, of a reconstruction, mean squared error; None where
            nothing is decided by one.
        threshold_of: What is above it, as a comment says it.
    """

    template: str
    noun: str
    plural: str
    threshold: float | None = None
    threshold_of: str = ""


@dataclass(frozen=True)
class ValueUnit:
    """How a real value is printed by firmware that prints integers.

    Attributes:
        per: Integers per one, as C writes it.
        suffix: What follows the integer.
    """

    per: str
    suffix: str


def value_unit(scale: float) -> ValueUnit:
    """Return the largest power of ten that no step of an output's scale is lost in.

    An output is at most 255 steps from zero, so that the integer is below 2,551.
    """
    digits = math.ceil(-math.log10(scale))
    if digits == 0:
        return ValueUnit("1.0", "")
    power = f"{10 ** abs(digits)}"
    return ValueUnit(f"1e{digits}", f"/{power}" if digits > 0 else f" x {power}")


def meaning_of(request: BundleRequest, interface: Interface) -> Meaning:
    """Return what firmware does with a model's outputs.

    Raises:
        InputError: If the model's outputs are not those of the task.
    """
    names, size = len(request.class_names), interface.output.size
    kind = "regression" if request.goal is None else request.goal.kind.name
    middle = 0.5 if interface.gives_sigmoid else 0.0
    if kind == "classification" and (size, names) == (1, 2):
        what = "An output above this means the second class."
        return Meaning("second_class", "class", "value for the second class", middle, what)
    if kind == "anomaly":
        if size != int(np.prod(request.test_x.shape[1:])):
            raise InputError(
                f"A reconstruction must have as many outputs as inputs; got {size} outputs and "
                f"inputs of shape {request.test_x.shape[1:]}."
            )
        what = "A mean squared error above this means an anomaly; chosen on validation data."
        return Meaning("reconstruction", "state", "values", request.threshold, what)
    if size != names:
        raise InputError(
            f"There must be one class name per output; got {names} names and {size} outputs."
        )
    if kind == "multi-label":
        what = "An output above this means that its label is there."
        return Meaning("labels", "label", "labels", middle, what)
    if kind == "regression":
        return Meaning("values", "value", "values")
    return Meaning("classes", "class", "classes")
