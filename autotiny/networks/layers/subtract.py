"""Difference of tensors."""

from dataclasses import dataclass

from autotiny.networks.layers._base import PairLayer


@dataclass(frozen=True)
class Subtract(PairLayer):
    """The first tensor less the second, both of one shape."""
