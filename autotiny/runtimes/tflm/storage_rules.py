"""What stands against storing an operator's weights under an encoding on a target."""

from ai_edge_litert import schema_py_generated as schema

from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm.cmsis_nn import extension
from autotiny.runtimes.tflm.encodings import ENCODINGS, Weights
from autotiny.runtimes.tflm.graph import INT8, INT16, Graph, Operator
from autotiny.runtimes.tflm.legality import allowed_precisions
from autotiny.runtimes.tflm.rewrite import WEIGHTED
from autotiny.runtimes.tflm.versions import has_feature

_CODE = schema.BuiltinOperator
_ACTIVATION_BITS = {INT8: 8, INT16: 16}


def refusal(
    encoding: str, weights: Weights, graph: Graph, operator: Operator, target: Target
) -> str | None:
    """Return why not, in words that follow "because"; None if nothing stands against it."""
    if ENCODINGS[encoding].needs_decode:
        reason = _decode_refusal(operator, target)
    elif encoding == "int4":
        reason = _int4_refusal(weights, graph, operator, target)
    else:
        reason = None
    return reason or ENCODINGS[encoding].refusal(weights)


def _decode_refusal(operator: Operator, target: Target) -> str | None:
    if not has_feature(target, "decode"):
        return f"it needs the DECODE operator and the TFLM of target {target.name} has none"
    # Built for speed, the Helium kernel sums the rows of its weights while it prepares, before
    # DECODE has run (kernels/cmsis_nn/fully_connected.cc, arm_vector_sum_s8).
    if (
        operator.code == _CODE.FULLY_CONNECTED
        and target.kernels == "cmsis-nn"
        and extension(target.core) == "mve"
    ):
        return (
            "CMSIS-NN's FULLY_CONNECTED reads its weights before DECODE has run on cores with "
            f"Helium, and the target's core is {target.core}"
        )
    return None


def _int4_refusal(weights: Weights, graph: Graph, operator: Operator, target: Target) -> str | None:
    name = WEIGHTED[operator.code]
    source = graph.tensors[operator.inputs[0]]
    bits = _ACTIVATION_BITS.get(source.type, 32)
    granularity = "tensor" if weights.channel_axis is None else "channel"
    if name == "DEPTHWISE_CONV_2D":
        return "DEPTHWISE_CONV_2D has no kernels for it on every target"
    if (4, bits, granularity) not in allowed_precisions(name, target):
        return (
            f"target {target.name} has no such kernel for {name} with {bits}-bit activations and "
            f"weight scales per {granularity}"
        )
    if name == "CONV_2D" and weights.values.shape[-1] != (source.shape or (0,))[-1]:
        return "grouped convolutions have no kernels for it"
    return None
