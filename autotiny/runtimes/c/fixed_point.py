"""The arithmetic that TFLM prepares a model with, to the last bit.

Sources: TFLM's ``kernels/internal/quantization_util.cc`` and ``common.cc``, built as it ships, with
the double rounding of gemmlowp.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import UnsupportedModelError
from autotiny.tflite.model import Tensor

#: Least and largest value of an activation's type.
LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}


@dataclass(frozen=True)
class Multiplier:
    """``real = value / 2^31 * 2^exponent``, value 0 or in ``[2^30, 2^31)``."""

    value: int
    exponent: int


def quantize_multiplier(real: float) -> Multiplier:
    """Return a real factor as TFLM stores it."""
    if real == 0:
        return Multiplier(0, 0)
    mantissa, exponent = math.frexp(real)
    value = math.floor(mantissa * (1 << 31) + 0.5)
    if value == 1 << 31:
        value, exponent = value // 2, exponent + 1
    return Multiplier(0, 0) if exponent < -31 else Multiplier(value, exponent)


def scale_and_zero_point(tensor: Tensor) -> tuple[float, int]:
    """Return the quantisation of an activation.

    Raises:
        UnsupportedModelError: If it has none, or one for each channel.
    """
    if len(tensor.scales) != 1 or len(tensor.zero_points) != 1:
        raise UnsupportedModelError(
            f"The c runtime needs one scale and zero point for each activation; tensor "
            f"{tensor.index} has {len(tensor.scales)} and {len(tensor.zero_points)}."
        )
    scale, zero_point = float(np.float32(tensor.scales[0])), int(tensor.zero_points[0])
    low, high = (0, 0) if tensor.type == "int16" else LIMITS["int8"]
    if not (_sound(scale) and low <= zero_point <= high):
        raise UnsupportedModelError(
            "The c runtime needs positive scales and int8 zero points, of int16 none; tensor "
            f"{tensor.index} has {scale:g} and {zero_point}."
        )
    return scale, zero_point


def _sound(scale: float) -> bool:
    """Whether a scale is one that products and quotients of stay finite."""
    return 1e-30 < scale < 1e30


def filter_multipliers(source: Tensor, kernel: Tensor, sink: Tensor) -> tuple[Multiplier, ...]:
    """Return the factors of a layer's sums: one for each filter, or one for all.

    Of dense layers too the product of the scales is of double precision: measured on the wheel,
    where single precision gives another output once in a million.

    Raises:
        UnsupportedModelError: If there is no scale, or one that is no number.
    """
    source_scale, sink_scale = scale_and_zero_point(source)[0], scale_and_zero_point(sink)[0]
    scales = [float(np.float32(s)) for s in kernel.scales]
    if not scales or not all(0 <= scale < 1e30 for scale in scales):
        raise UnsupportedModelError(
            f"The c runtime needs a scale for each filter, or one; tensor {kernel.index} has "
            f"{len(scales)}, or one that is no number."
        )
    return tuple(quantize_multiplier(source_scale * scale / sink_scale) for scale in scales)


def reduced(factor: Multiplier) -> Multiplier:
    """Return a factor as it multiplies sums of 64 bits: 16 bits, for ``value / 2^15``.

    Sums of 16-bit activations and 8-bit weights are rounded once, by 15 less the exponent.
    """
    value = (factor.value + (1 << 15)) >> 16 if factor.value < 0x7FFF0000 else 0x7FFF
    return Multiplier(value, factor.exponent)


def activation_range(sink: Tensor, activation: int) -> tuple[int, int]:
    """Return the least and the largest output under a fused activation (schema number)."""
    scale, zero_point = scale_and_zero_point(sink)
    low = {0: None, 1: 0.0, 2: -1.0, 3: 0.0}
    high = {0: None, 1: None, 2: 1.0, 3: 6.0}
    if activation not in low:
        raise UnsupportedModelError(
            f"The c runtime has no fused activation number {activation}: it has ReLU, ReLU6 and "
            "ReLU from -1 to 1."
        )

    def quantised(value: float | None, default: int) -> int:
        if value is None:
            return default
        return zero_point + round_away(float(np.float32(value) / np.float32(scale)))

    least, most = LIMITS[sink.type]
    return max(least, quantised(low[activation], least)), min(
        most, quantised(high[activation], most)
    )


def round_away(value: float) -> int:
    """Return the nearest integer, halves away from zero, as C's ``round`` does."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def mean_multiplier(source: Tensor, sink: Tensor, count: int) -> Multiplier:
    """Return the factor of a sum of ``count`` values that makes it their mean."""
    ratio = scale_and_zero_point(source)[0] / scale_and_zero_point(sink)[0]
    made = quantize_multiplier(ratio)
    shift = min(count.bit_length() - 1, 32, 31 + made.exponent)
    return Multiplier((made.value << shift) // count, made.exponent - shift)


def softmax_exponentials(scale: float, beta: float) -> NDArray[np.int32]:
    """Return ``exp(-d * scale * beta)`` in Q0.31 for differences d from 0 on, while they count.

    gemmlowp's ``exp_on_negative_values`` for 5 integer bits, as TFLM's int8 softmax uses it.
    """
    real = min(beta * scale * (1 << 26), (1 << 31) - 1.0)
    factor = quantize_multiplier(real)
    radius = math.floor(31 * (1 << 26) / (1 << factor.exponent))
    return np.array(
        [
            _exp_on_negative(_doubling_high(-d * (1 << factor.exponent), factor.value))
            for d in range(min(radius, 255) + 1)
        ],
        np.int32,
    )


def _doubling_high(a: int, b: int) -> int:
    """Saturating rounding doubling high multiply."""
    if a == b == -(1 << 31):
        return (1 << 31) - 1
    return (a * b + (1 << 30)) >> 31


def _rounding_shift(x: int, exponent: int) -> int:
    """Division by a power of two, halves away from zero."""
    mask = (1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


#: exp(-2^k) for k = -2 … 4 in Q0.31.
_POWERS: Sequence[int] = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def _exp_on_negative(a: int) -> int:
    """Return exp(a) in Q0.31 of a negative number in Q5.26."""
    if a == 0:
        return (1 << 31) - 1
    quarter = 1 << 24
    within = (a & (quarter - 1)) - quarter
    result = _exp_on_last_quarter(within * (1 << 5))
    remainder = within - a
    for bit, power in enumerate(_POWERS):
        if remainder & (1 << (24 + bit)):
            result = _doubling_high(result, power)
    return result


def _exp_on_last_quarter(a: int) -> int:
    """Return exp(a) of a in [-1/4, 0), Q0.31: Taylor around -1/8."""
    eighth_less, third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = _doubling_high(x, x)
    x3 = _doubling_high(x2, x)
    x4 = _doubling_high(x2, x2)
    x4_over_4 = _rounding_shift(x4, 2)
    rest = _rounding_shift(_doubling_high(x4_over_4 + x3, third) + x2, 1)
    return eighth_less + _doubling_high(eighth_less, x + rest)
