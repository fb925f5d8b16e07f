"""How weights are stored in an image: one file per encoding, all by name in ``ENCODINGS``."""

from collections.abc import Mapping

from autotiny.runtimes.tflm.encodings._base import HEADER_BYTES, Encoded, Encoding, Weights
from autotiny.runtimes.tflm.encodings.dense import Dense
from autotiny.runtimes.tflm.encodings.huffman import Huffman
from autotiny.runtimes.tflm.encodings.int4 import Int4
from autotiny.runtimes.tflm.encodings.lut import LookUpTable
from autotiny.runtimes.tflm.encodings.pruned import Pruned

_ALL: tuple[Encoding, ...] = (
    Dense(),
    Int4(),
    *(LookUpTable(width) for width in range(1, 8)),
    *(LookUpTable(width, "shared") for width in range(1, 8)),
    *(LookUpTable(width, "channel") for width in range(1, 8)),
    Pruned(),
    Huffman(),
)

#: Every encoding by its name.
ENCODINGS: Mapping[str, Encoding] = {encoding.name: encoding for encoding in _ALL}

__all__ = ["ENCODINGS", "HEADER_BYTES", "Encoded", "Encoding", "Weights"]
