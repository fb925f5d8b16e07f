"""Look-up tables: an index of 1 to 7 bits per weight into a table of int8 values.

Format: tensorflow/lite/micro/kernels/decode_state_lut.cc. The runtime takes the number of tables
from the decoded tensor's scales: one table per scale, each ``stride`` entries after the last. So a
table per tensor fits one scale only, unless the stride is 0, which gives every channel the same
table. Newer headers also name the channel axis (15 for one table); runtimes that do not know the
field ignore it, so it is always written truthfully.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autotiny.runtimes.tflm.encodings._base import (
    HEADER_BYTES,
    Encoded,
    Weights,
    axis_refusal,
    header,
    pack_bits,
)

Tables = Literal["tensor", "channel", "shared"]

_TYPE, _VERSION, _ONE_TABLE = 0, 1, 15
# The runtime reads 4-bit indices of int8 tensors as 64-bit words, 2- and 3-bit ones as 32-bit.
_WORD_BYTES = {4: 8}


@dataclass(frozen=True)
class LookUpTable:
    """Indices of one width.

    Attributes:
        width: Bits per index, 1 to 7.
        tables: ``tensor``: one table, for weights with one scale. ``channel``: a table per
            channel, for weights with a scale per channel. ``shared``: one table that all channels
            of such weights read.
    """

    width: int
    tables: Tables = "tensor"
    needs_decode: bool = True
    gains_by_zeros: bool = False
    bounded: bool = True

    @property
    def name(self) -> str:
        """``lut4``, ``lut4/channel`` or ``lut4/shared``."""
        return f"lut{self.width}" + ("" if self.tables == "tensor" else f"/{self.tables}")

    def refusal(self, weights: Weights) -> str | None:
        """Require tables that follow the scales, and room for every distinct value."""
        axis = weights.channel_axis
        if self.tables == "tensor" and axis is not None:
            return (
                "a table per tensor needs one scale per tensor and its scales are per channel, "
                f"where lut{self.width}/channel and lut{self.width}/shared are allowed"
            )
        if self.tables != "tensor" and axis is None:
            return (
                "a table for channels needs scales per channel and it has one scale, "
                f"where lut{self.width} is allowed"
            )
        if (reason := axis_refusal(weights)) is not None:
            return reason
        entries = self._entries(weights)
        if entries > 2**self.width:
            kind = " in a channel" if self.tables == "channel" else ""
            return (
                f"a table of {self.width} bits holds {2**self.width} values and it has "
                f"{entries} distinct ones{kind}"
            )
        return None

    def sizes(self, weights: Weights) -> tuple[int, ...]:
        """Return ceil(n x width / 8), and 16 + tables x entries of the longest table."""
        tables = weights.channels.shape[0] if self.tables == "channel" else 1
        indices = -(-weights.size * self.width // 8)
        return indices, HEADER_BYTES + tables * self._entries(weights)

    def encode(self, weights: Weights) -> Encoded:
        """Write indices into ascending tables, and the tables."""
        entries = self._entries(weights)
        present = weights.channel_distinct
        if self.tables != "channel":
            present = np.logical_or.reduce(present, axis=0, keepdims=True)
        stride = 0 if self.tables == "shared" else entries
        axis = weights.channel_axis if self.tables == "channel" else None
        parameters = (_ONE_TABLE if axis is None else axis) << 4 | self.width
        return Encoded(
            data=pack_bits(self._indices(weights, present), self.width),
            ancillary=header(_TYPE, _VERSION, parameters, stride) + _tables(present, entries),
            alignment=_WORD_BYTES.get(self.width, 4),
        )

    def _entries(self, weights: Weights) -> int:
        if self.tables == "channel":
            return int(weights.channel_distinct.sum(axis=1).max())
        return len(weights.distinct)

    def _indices(self, weights: Weights, present: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Return each value's rank among the values of its table, in the tensor's shape."""
        rank = (np.cumsum(present, axis=1) - 1).astype(np.uint8)
        positions = weights.values.astype(np.int16) + 128
        if self.tables != "channel":
            return np.asarray(rank[0][positions])
        shape = [1] * weights.values.ndim
        shape[weights.channel_axis or 0] = -1
        return np.asarray(rank[np.arange(len(present)).reshape(shape), positions])


def _tables(present: NDArray[np.bool_], entries: int) -> bytes:
    """Return the tables one after the other, short ones filled up with zeros."""
    tables = np.zeros((len(present), entries), np.int8)
    rows, positions = np.nonzero(present)
    ranks = (np.cumsum(present, axis=1) - 1)[rows, positions]
    tables[rows, ranks] = positions - 128
    return tables.tobytes()
