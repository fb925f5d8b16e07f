"""What a target's kernels refuse.

Each rule is a function that says whether an operator breaks it; its docstring is the sentence that
the user reads. Checks, messages and documentation all come from ``RULES``.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm.versions import has_feature, version_of
from autotiny.tflite.reader import Model, Operator, Tensor

Granularity = Literal["channel", "tensor"]
#: Weight bits, activation bits and where the scales run.
Precision = tuple[int, int, Granularity]
Rule = Callable[["Use", Target], bool]


@dataclass(frozen=True)
class Use:
    """An operator as rules see it.

    Attributes:
        name: Operator name.
        weight_bits: Bits of a weight as the kernel reads it; None without weights.
        activation_bits: Bits of its input.
        per_channel: Its weights have a scale per channel.
        outside: A constant lies outside the flatbuffer.
    """

    name: str
    weight_bits: int | None = None
    activation_bits: int = 8
    per_channel: bool = False
    outside: bool = False


def core_is_too_small(use: Use, target: Target) -> bool:
    """TFLM needs a 32-bit core."""
    return target.core.lower().startswith(("avr", "pic1", "msp430", "8051"))


def operator_is_missing(use: Use, target: Target) -> bool:
    """The target's TFLM has no such operator."""
    # What is an encoding's own operator has a sentence of its own.
    return use.name != "TFLM_DECODE" and not version_of(target).has_operator(use.name)


def decode_is_missing(use: Use, target: Target) -> bool:
    """Encoded weights need the DECODE operator, in TFLM since October 2025."""
    return use.name == "TFLM_DECODE" and not has_feature(target, "decode")


def int4_is_missing(use: Use, target: Target) -> bool:
    """4-bit weights need kernels that the target's TFLM lacks."""
    return use.weight_bits == 4 and not has_feature(target, "int4")


def int4_fully_connected_per_channel(use: Use, target: Target) -> bool:
    """FULLY_CONNECTED takes 4-bit weights with one scale per tensor, not per channel."""
    return use.name == "FULLY_CONNECTED" and use.weight_bits == 4 and use.per_channel


def int4_with_int16(use: Use, target: Target) -> bool:
    """4-bit weights need 8-bit activations."""
    return use.weight_bits == 4 and use.activation_bits == 16


def per_channel_fully_connected_is_missing(use: Use, target: Target) -> bool:
    """FULLY_CONNECTED with a scale per channel needs TFLM from September 2024 or newer."""
    return (
        use.name == "FULLY_CONNECTED"
        and use.per_channel
        and not has_feature(target, "per_channel_fc")
    )


def int16_fully_connected_per_channel(use: Use, target: Target) -> bool:
    """CMSIS-NN takes FULLY_CONNECTED with 16-bit activations with one scale per tensor only."""
    return (
        target.kernels == "cmsis-nn"
        and use.name == "FULLY_CONNECTED"
        and use.activation_bits == 16
        and use.per_channel
    )


def constants_outside_flatbuffer(use: Use, target: Target) -> bool:
    """TFLM reads constants from within the flatbuffer, not from behind it."""
    return use.outside


#: Every rule, in the order in which they are checked.
RULES: tuple[Rule, ...] = (
    core_is_too_small,
    operator_is_missing,
    decode_is_missing,
    int4_is_missing,
    int4_fully_connected_per_channel,
    int4_with_int16,
    per_channel_fully_connected_is_missing,
    int16_fully_connected_per_channel,
    constants_outside_flatbuffer,
)

_BITS = {"int8": 8, "int4": 4, "int16": 16, "float32": 32, "uint8": 8}
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def check(model: Model, target: Target) -> None:
    """Refuse a model that the target's kernels refuse.

    Raises:
        UnsupportedModelError: With the first rule that an operator breaks.
    """
    for operator in model.operators:
        use = _use(model, operator)
        for rule in RULES:
            if rule(use, target):
                raise UnsupportedModelError(
                    f"{sentence(rule)[:-1]}: operator {operator.index} ({operator.name}) on target "
                    f"{target.name} ({target.core}, {target.kernels} kernels)."
                )


def sentence(rule: Rule) -> str:
    """Return the sentence that a rule's docstring states."""
    return inspect.getdoc(rule) or rule.__name__


def allowed_precisions(operator: str, target: Target) -> list[Precision]:
    """Return the precisions in which an operator with weights runs on the target.

    Args:
        operator: ``CONV_2D``, ``DEPTHWISE_CONV_2D``, ``FULLY_CONNECTED`` or ``TRANSPOSE_CONV``.
        target: The target.

    Returns:
        (weight bits, activation bits, granularity): per channel before per tensor, and more bits
        before fewer. Weights that DECODE unpacks count as the 8 bits that they become.
    """
    granularities: tuple[Granularity, ...] = ("channel", "tensor")
    options: list[Precision] = [
        (weights, activations, granularity)
        for weights in (8, 4)
        for activations in (16, 8)
        for granularity in granularities
    ]
    return [
        (weights, activations, granularity)
        for weights, activations, granularity in options
        if not any(
            rule(Use(operator, weights, activations, granularity == "channel"), target)
            for rule in RULES
        )
    ]


def _use(model: Model, operator: Operator) -> Use:
    tensors = [model.tensors[index] for index in operator.inputs if index >= 0]
    outside = any(tensor.offset_data for tensor in tensors)
    if operator.name not in _WEIGHTED:
        return Use(operator.name, outside=outside)
    weights = model.input(operator, 1)
    source = model.input(operator, 2 if operator.name == "TRANSPOSE_CONV" else 0)
    return Use(
        operator.name, _bits(weights), _bits(source) or 8,
        weights is not None and len(weights.scales) > 1, outside,
    )  # fmt: skip


def _bits(tensor: Tensor | None) -> int | None:
    return None if tensor is None else _BITS.get(tensor.type)
