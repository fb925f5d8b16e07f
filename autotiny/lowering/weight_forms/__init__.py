"""How a network that computes in floats stores its kernels, one file and one line for each way."""

from autotiny.lowering.weight_forms._base import Kernel, StoredKernel, WeightForm
from autotiny.lowering.weight_forms.dynamic import Dynamic
from autotiny.lowering.weight_forms.float16 import Float16
from autotiny.lowering.weight_forms.int8_weight_only import Int8WeightOnly

#: Every form by its name.
WEIGHT_FORMS: dict[str, WeightForm] = {
    form.name: form for form in (Float16(), Dynamic(), Int8WeightOnly())
}

__all__ = ["WEIGHT_FORMS", "Kernel", "StoredKernel", "WeightForm"]
