"""Channels whose filters are small matter least, large weights counting more."""

import numpy as np

from autotiny.compression.importance._base import Importance, LayerChannels, Reals


class L2(Importance):
    """L2 norm of the filter (He et al. 2018, Soft Filter Pruning)."""

    name = "l2"
    of_weights = True

    def scores(self, channels: LayerChannels) -> Reals:
        """Return the norms."""
        return np.asarray(np.sqrt(np.square(channels.filters).sum(axis=0)), np.float32)
