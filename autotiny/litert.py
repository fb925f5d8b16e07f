"""LiteRT on the desktop, set up the one way autotiny uses it."""

from typing import Any


def litert_interpreter(model: bytes) -> Any:
    """Return a LiteRT interpreter without delegates, tensors not yet allocated.

    XNNPACK, the default delegate, is faster but its bits differ from TFLM's more often.
    """
    from ai_edge_litert import interpreter as litert

    return litert.Interpreter(
        model_content=model,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
