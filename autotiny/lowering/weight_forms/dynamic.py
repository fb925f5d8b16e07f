"""A quarter of the bytes of float32, and integer products."""

import numpy as np

from autotiny.lowering._builder import Scales
from autotiny.lowering.weight_forms._base import Kernel, StoredKernel, WeightForm


class Dynamic(WeightForm):
    """Dynamic-range quantisation: int8 kernels that hybrid operators take beside floats.

    These quantise each sample's activations to int8 as they come, by the sample's own range, and
    give floats.
    """

    name = "dynamic"
    title = "int8 weights, activations quantised as they come"
    activations = "float32, int8 within convolutions and dense layers"

    def stored(self, kernel: Kernel) -> StoredKernel:
        """Return the kernel in int8, its integers as they are wherever its operator takes them.

        Only a dense kernel with a scale a channel is rounded, to half a step of one for all.
        """
        integers, steps = kernel.integers, kernel.scales
        if kernel.per_channel and len(steps) != kernel.channels:
            steps = np.full(kernel.channels, steps[0], np.float32)
        elif not kernel.per_channel and len(steps) > 1:
            values = kernel.values
            step = np.float32(max(float(np.abs(values).max()), 1e-12) / 127)
            integers, steps = np.rint(values / step).astype(np.int8), np.array([step], np.float32)
        axis = kernel.axis if len(steps) > 1 else 0
        return StoredKernel(integers, Scales(tuple(steps.tolist()), axis=axis), hybrid=True)
