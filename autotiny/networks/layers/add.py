"""Sum of tensors."""

from dataclasses import dataclass

from autotiny.networks.layers._base import PairLayer


@dataclass(frozen=True)
class Add(PairLayer):
    """Sum of two tensors of one shape: where a residual connection joins."""
