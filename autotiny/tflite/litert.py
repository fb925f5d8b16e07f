"""LiteRT on the desktop, set up the one way autotiny uses it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def litert_interpreter(model: bytes) -> Any:
    """Return a LiteRT interpreter without delegates, tensors not yet allocated.

    XNNPACK, the default delegate, is faster but its bits differ from TFLM's more often.
    """
    from ai_edge_litert import interpreter as litert

    return litert.Interpreter(
        model_content=model,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )


def run_one_by_one(model: bytes, samples: NDArray[Any]) -> NDArray[Any]:
    """Return a model's outputs for samples of its input's type, ``(n, outputs)``.

    One by one, because a model with a fixed RESHAPE cannot take a batch, and each from the state at
    the start, as the device's runtime does it.
    """
    interpreter = litert_interpreter(model)
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for sample in samples:
        interpreter.reset_all_variables()
        interpreter.set_tensor(source["index"], sample.reshape(source["shape"]))
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(sink["index"]).ravel())
    return np.stack(outputs)
