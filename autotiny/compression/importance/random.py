"""The straw man that every importance has to beat."""

from autotiny.compression.importance._base import Importance, LayerChannels, Reals


class Random(Importance):
    """No ranking at all (Mittal et al. 2018, Recovering from Random Pruning)."""

    name = "random"

    def scores(self, channels: LayerChannels) -> Reals:
        """Return the noise."""
        return channels.noise
