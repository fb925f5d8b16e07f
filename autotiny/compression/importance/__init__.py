"""What a channel is worth: one file and one line here for each importance."""

from autotiny.compression.importance._base import Evidence, Importance, LayerChannels
from autotiny.compression.importance.activation import Activation
from autotiny.compression.importance.batch_norm import BatchNorm
from autotiny.compression.importance.l1 import L1
from autotiny.compression.importance.l2 import L2
from autotiny.compression.importance.random import Random
from autotiny.compression.importance.taylor import Taylor
from autotiny.compression.importance.zeros import Zeros

#: Every importance by its name.
IMPORTANCES: dict[str, Importance] = {
    importance.name: importance
    for importance in (L1(), L2(), Activation(), Zeros(), Taylor(), BatchNorm(), Random())
}

__all__ = ["IMPORTANCES", "Evidence", "Importance", "LayerChannels"]
