"""The encodings of weights: one file and one line here for each."""

from autotiny.runtimes.c.encodings._base import Encoded, Encoding, Weights
from autotiny.runtimes.c.encodings.blocks import Blocks
from autotiny.runtimes.c.encodings.dense import Dense
from autotiny.runtimes.c.encodings.huffman import Huffman
from autotiny.runtimes.c.encodings.nibbles import Nibbles
from autotiny.runtimes.c.encodings.pruned import Pruned
from autotiny.runtimes.c.encodings.table import Table

#: Every encoding by its name.
ENCODINGS: dict[str, Encoding] = {
    e.name: e for e in (Dense(), Nibbles(), Table(), Pruned(), Blocks(), Huffman())
}

__all__ = ["ENCODINGS", "Encoded", "Encoding", "Weights"]
