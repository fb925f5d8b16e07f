"""The contract of an encoding: how a weight tensor's bytes are stored in the image."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: Every ancillary tensor starts with this header, then come tables or values (DECODE design).
HEADER_BYTES = 16


@dataclass(frozen=True)
class Weights:
    """The values of one weight tensor, and facts about them that encodings share.

    Attributes:
        values: int8, in the tensor's shape.
        channel_axis: Axis of per-channel scales, None for one scale.
        zero_point: The one of all channels; None if they differ.
    """

    values: NDArray[np.int8]
    channel_axis: int | None = None
    zero_point: int | None = 0

    @property
    def size(self) -> int:
        """Number of values."""
        return self.values.size

    @cached_property
    def histogram(self) -> NDArray[np.int64]:
        """How often each byte occurs; shape (256,), indexed by the value's bits."""
        return np.bincount(self.values.ravel().view(np.uint8), minlength=256)

    @cached_property
    def distinct(self) -> NDArray[np.int8]:
        """The distinct values, ascending."""
        return np.sort(np.flatnonzero(self.histogram).astype(np.uint8).view(np.int8))

    @property
    def zeros(self) -> int:
        """Number of zeros."""
        return int(self.histogram[0])

    @cached_property
    def channels(self) -> NDArray[np.int8]:
        """Values with the channels in rows; shape (channels, values per channel)."""
        axis = self.channel_axis
        rows = self.values[None] if axis is None else np.moveaxis(self.values, axis, 0)
        return rows.reshape(rows.shape[0], -1)

    @cached_property
    def channel_distinct(self) -> NDArray[np.bool_]:
        """Which values occur in which channel; shape (channels, 256), value -128 first."""
        present = np.zeros((self.channels.shape[0], 256), np.bool_)
        rows = np.arange(self.channels.shape[0])[:, None]
        present[rows, self.channels.astype(np.int16) + 128] = True
        return present


@dataclass(frozen=True)
class Encoded:
    """Stored bytes.

    Attributes:
        data: What the weight tensor, or the tensor that DECODE reads, holds.
        ancillary: DECODE's second input; None when no DECODE is needed.
        alignment: Bytes to which the data must be aligned.
    """

    data: bytes
    ancillary: bytes | None = None
    alignment: int = 4


class Encoding(Protocol):
    """One way to store a weight tensor, lossless for the values it does not refuse.

    Attributes:
        name: As reports and ``Packed.encodings`` show it.
        needs_decode: The target needs the DECODE operator.
        gains_by_zeros: The more weights are zero, the fewer bytes are stored.
        bounded: Its bytes depend on how many weights are zero and how many distinct values there
            are at most, not on how often which occurs.
    """

    @property
    def name(self) -> str: ...

    @property
    def needs_decode(self) -> bool: ...

    @property
    def gains_by_zeros(self) -> bool: ...

    @property
    def bounded(self) -> bool: ...

    def refusal(self, weights: Weights) -> str | None:
        """Return why these values cannot be stored so, in words that follow "because"."""
        ...

    def sizes(self, weights: Weights) -> tuple[int, ...]:
        """Return the exact bytes of data and of ancillary, if any, without building them."""
        ...

    def encode(self, weights: Weights) -> Encoded:
        """Return the stored bytes of values that are not refused."""
        ...


def axis_refusal(weights: Weights) -> str | None:
    """Refuse channels between the first and the last axis, as the runtime does."""
    axis = weights.channel_axis
    if axis in (None, 0, weights.values.ndim - 1):
        return None
    return f"the channels must lie on the first or last axis and lie on axis {axis}"


def pack_bits(values: NDArray[np.uint8], width: int) -> bytes:
    """Pack numbers below 2**width without gaps, first value in the highest bits."""
    bits = np.unpackbits(values.ravel()[:, None], axis=1)[:, 8 - width :]
    return np.packbits(bits.ravel()).tobytes()


def header(decode_type: int, *parameters: int) -> bytes:
    """Return the header of an ancillary tensor: type, version 1, and the type's parameters.

    Source: tensorflow/lite/micro/kernels/decode_state.h.
    """
    return bytes((decode_type, 1, 0, 0, *parameters)).ljust(HEADER_BYTES, b"\0")
