"""Weights of which many are zero: a bit for each, and the values of the others."""

import numpy as np

from autotiny.runtimes.c.encodings._base import Encoded, Weights


class Pruned:
    """A mask, lowest bit first, and the non-zero values in order."""

    name = "pruned"

    def encode(self, weights: Weights) -> Encoded:
        """Return the weights."""
        flat = weights.ravel()
        mask = np.packbits(flat != 0, bitorder="little")
        values = flat[flat != 0]
        if not values.size:
            values = np.zeros(1, np.int8)  # C has no empty arrays
        return Encoded({"weights": mask, "values": values})

    def decode(self, encoded: Encoded, shape: tuple[int, ...]) -> Weights:
        """Return the weights again."""
        count = int(np.prod(shape))
        bits = np.unpackbits(np.asarray(encoded.arrays["weights"], np.uint8), bitorder="little")
        flat = np.zeros(count, np.int8)
        set_places = np.flatnonzero(bits[:count])
        flat[set_places] = np.asarray(encoded.arrays["values"], np.int8)[: len(set_places)]
        return flat.reshape(shape)
