"""Channels whose filters are small matter least."""

import numpy as np

from autotiny.compression.importance._base import Importance, LayerChannels, Reals


class L1(Importance):
    """L1 norm of the filter (Li et al. 2017, Pruning Filters for Efficient ConvNets)."""

    name = "l1"
    of_weights = True

    def scores(self, channels: LayerChannels) -> Reals:
        """Return the norms."""
        return np.asarray(np.abs(channels.filters).sum(axis=0), np.float32)
