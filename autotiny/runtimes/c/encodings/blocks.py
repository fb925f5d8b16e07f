"""Weights that are zero by blocks of four: a bit for each block, and the values of the others.

A kernel that meets an empty block skips four products at once. Blocks are neighbours as weights
are stored; where a run of inputs is no multiple of four long, one is met again in the next run.
"""

import numpy as np

from autotiny.runtimes.c.encodings._base import Encoded, Weights

_BLOCK = 4


class Blocks:
    """A mask of blocks, lowest bit first, and the values of blocks that are not all zero."""

    name = "blocks"

    def encode(self, weights: Weights) -> Encoded:
        """Return the weights; the last block may have fewer."""
        flat = weights.ravel()
        padded = np.pad(flat, (0, -len(flat) % _BLOCK)).reshape(-1, _BLOCK)
        there = (padded != 0).any(axis=1)
        values = flat[np.repeat(there, _BLOCK)[: len(flat)]]
        if not values.size:
            values = np.zeros(1, np.int8)  # C has no empty arrays
        return Encoded({"weights": np.packbits(there, bitorder="little"), "values": values})

    def decode(self, encoded: Encoded, shape: tuple[int, ...]) -> Weights:
        """Return the weights again."""
        count = int(np.prod(shape))
        bits = np.unpackbits(np.asarray(encoded.arrays["weights"], np.uint8), bitorder="little")
        there = np.repeat(bits.astype(bool), _BLOCK)[:count]
        flat = np.zeros(count, np.int8)
        flat[there] = np.asarray(encoded.arrays["values"], np.int8)[: int(there.sum())]
        return flat.reshape(shape)
