"""Weights of few different values: a code of 1 to 7 bits each, and the table of the values.

Deep Compression's weight sharing (Han, Mao and Dally 2016), as look-up tables of TFLM store it.
"""

import numpy as np
from numpy.typing import NDArray

from autotiny.runtimes.c.encodings._base import Encoded, Weights

_MOST_BITS = 7


class Table:
    """Codes, lowest bit first, and one table for all filters or one for each."""

    name = "table"

    def encode(self, weights: Weights) -> Encoded | None:
        """Return the weights if seven bits number their values, with the smaller table."""
        whole = self._shared(weights)
        each = self._by_filter(weights)
        found = [encoded for encoded in (whole, each) if encoded is not None]
        return min(found, key=lambda encoded: encoded.nbytes, default=None)

    def _shared(self, weights: Weights) -> Encoded | None:
        values = np.unique(weights)
        bits = _bits(len(values))
        if bits > _MOST_BITS:
            return None
        codes = np.searchsorted(values, weights.ravel())
        return _encoded(codes, values, bits, 0)

    def _by_filter(self, weights: Weights) -> Encoded | None:
        values = [np.unique(row) for row in weights]
        most = max(len(row) for row in values)
        bits = _bits(most)
        if bits > _MOST_BITS:
            return None
        codes = [np.searchsorted(v, row) for v, row in zip(values, weights, strict=True)]
        table = np.concatenate([np.pad(v, (0, most - len(v))) for v in values])
        return _encoded(np.concatenate(codes), table, bits, most)

    def decode(self, encoded: Encoded, shape: tuple[int, ...]) -> Weights:
        """Return the weights again."""
        bits, step = encoded.numbers["bits"], encoded.numbers["table_step"]
        stream = np.unpackbits(np.asarray(encoded.arrays["weights"], np.uint8), bitorder="little")
        count = int(np.prod(shape))
        codes = stream[: count * bits].reshape(count, bits) @ (1 << np.arange(bits))
        filters = np.arange(count) // (count // shape[0])
        values = np.asarray(encoded.arrays["table"], np.int8)[codes + filters * step]
        return values.reshape(shape)


def _bits(values: int) -> int:
    return max(1, (values - 1).bit_length())


def _encoded(codes: NDArray[np.intp], table: NDArray[np.int8], bits: int, step: int) -> Encoded:
    places = (codes[:, None] >> np.arange(bits)) & 1
    packed = np.packbits(places.astype(np.uint8).ravel(), bitorder="little")
    return Encoded({"weights": packed, "table": table}, {"bits": bits, "table_step": step})
