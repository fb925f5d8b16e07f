"""Channels that are silent most of the time matter least."""

from autotiny.compression.importance._base import Importance, LayerChannels, Reals


class Zeros(Importance):
    """Average share of zeros (Hu et al. 2016, Network Trimming)."""

    name = "zeros"
    needs_evidence = True

    def scores(self, channels: LayerChannels) -> Reals:
        """Return the share of values that are not zero."""
        return 1 - channels.evidence.zeros[channels.layer]
