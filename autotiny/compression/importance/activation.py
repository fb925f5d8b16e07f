"""Channels that say little matter least."""

from autotiny.compression.importance._base import Importance, LayerChannels, Reals


class Activation(Importance):
    """Mean magnitude of the activations (Molchanov et al. 2017, compare with it)."""

    name = "activation"
    needs_evidence = True

    def scores(self, channels: LayerChannels) -> Reals:
        """Return the means."""
        return channels.evidence.activations[channels.layer]
