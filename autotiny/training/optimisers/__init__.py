"""How weights follow their gradient: one file and one line here for each optimiser."""

from autotiny.training.optimisers._base import Optimiser
from autotiny.training.optimisers.adam import Adam
from autotiny.training.optimisers.rmsprop import RMSprop
from autotiny.training.optimisers.sgd import SGD

#: Every optimiser by its name.
OPTIMISERS: dict[str, Optimiser] = {x.name: x for x in (Adam(), SGD(), RMSprop())}

__all__ = ["OPTIMISERS", "Optimiser"]
