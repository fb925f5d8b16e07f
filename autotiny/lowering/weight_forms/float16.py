"""Half of the bytes of float32."""

import numpy as np

from autotiny.lowering.weight_forms._base import Kernel, StoredKernel, WeightForm


class Float16(WeightForm):
    """Kernels in half precision, made single precision when the model is loaded.

    Eleven significant bits hold every value of an integer kernel but for its scale's rounding. A
    kernel with a value that half precision has no finite number for stays in float32.
    """

    name = "float16"
    title = "float16 weights, computed in float32"

    def stored(self, kernel: Kernel) -> StoredKernel:
        """Return the kernel in float16."""
        with np.errstate(over="ignore"):
            halves = kernel.values.astype(np.float16)
        if not np.isfinite(halves).all():
            return StoredKernel(kernel.values)
        return StoredKernel(halves, dequantised=True)
