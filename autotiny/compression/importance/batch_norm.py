"""Channels that batch norm scales down matter least."""

import numpy as np

from autotiny.compression.importance._base import Importance, LayerChannels, Reals
from autotiny.compression.importance.l1 import L1


class BatchNorm(Importance):
    """Factors of batch norm (Liu et al. 2017, Network Slimming); filters where there are none."""

    name = "batch_norm"

    def scores(self, channels: LayerChannels) -> Reals:
        """Return the factors' magnitudes."""
        if channels.gamma is None:
            return L1().scores(channels)
        return np.abs(channels.gamma)
