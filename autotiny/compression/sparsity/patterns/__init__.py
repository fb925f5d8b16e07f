"""Which weights may be zero together: one file and one line here for each pattern."""

from autotiny.compression.sparsity._base import Pattern
from autotiny.compression.sparsity.patterns.blocks import Blocks
from autotiny.compression.sparsity.patterns.free import Free
from autotiny.compression.sparsity.patterns.two_of_four import TwoOfFour

#: Every pattern by its name.
PATTERNS: dict[str, Pattern] = {p.name: p for p in (Free(), TwoOfFour(), Blocks())}

__all__ = ["PATTERNS"]
