"""A quarter of the bytes of float32 on disk, float32 in memory."""

from autotiny.lowering._builder import Scales
from autotiny.lowering.weight_forms._base import Kernel, StoredKernel, WeightForm


class Int8WeightOnly(WeightForm):
    """Kernels in int8, made single precision when the model is loaded: nothing else is rounded."""

    name = "int8-weight-only"
    title = "int8 weights, computed in float32"

    def stored(self, kernel: Kernel) -> StoredKernel:
        """Return the kernel's integers as they are: no value changes."""
        steps = tuple(kernel.scales.tolist())
        scales = Scales(steps, axis=kernel.axis if len(steps) > 1 else 0)
        return StoredKernel(kernel.integers, scales, dequantised=True)
