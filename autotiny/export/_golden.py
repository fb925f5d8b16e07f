"""Golden vectors: a few real test inputs and the outputs that the runtime gives for them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.export._interface import Interface
from autotiny.export._request import BundleRequest

#: The self-test carries its inputs in flash beside the model, so they are kept few and small.
_MOST_VECTORS = 8
_MOST_BYTES = 16 * 1024


@dataclass(frozen=True)
class GoldenVectors:
    """Inputs and outputs to compare bit for bit.

    Attributes:
        inputs: int8, shape ``(n, input size)``.
        outputs: int8, shape ``(n, output size)``.
        labels: True class of each, shape ``(n,)``.
    """

    inputs: NDArray[np.int8]
    outputs: NDArray[np.int8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def golden_vectors(request: BundleRequest, interface: Interface) -> GoldenVectors:
    """Run the chosen test inputs through the image on its runtime."""
    count = max(1, min(_MOST_VECTORS, _MOST_BYTES // interface.input.size))
    integers = request.test_y.ndim == 1 and request.test_y.dtype.kind in "biu"
    classes = request.test_y if integers else np.zeros(len(request.test_y), np.int64)
    chosen = spread_over_classes(classes, count)
    inputs = interface.input.quantise(request.test_x[chosen])
    outputs = request.runtime.outputs(request.image, inputs)
    labels = classes[chosen]
    return GoldenVectors(inputs.reshape(len(chosen), -1), outputs, labels)


def spread_over_classes(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return up to ``count`` indices: the first sample of each class, then the second, …."""
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    return np.sort(np.argsort(rank, kind="stable")[:count])
