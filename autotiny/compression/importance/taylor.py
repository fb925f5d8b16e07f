"""Channels whose removal changes the loss least, to first order."""

from autotiny.compression.importance._base import Importance, LayerChannels, Reals


class Taylor(Importance):
    """First-order Taylor expansion (Molchanov et al. 2017, Pruning Convolutional Networks)."""

    name = "taylor"
    needs_evidence = True

    def scores(self, channels: LayerChannels) -> Reals:
        """Return the mean magnitudes of activation times gradient."""
        return channels.evidence.taylor[channels.layer]
