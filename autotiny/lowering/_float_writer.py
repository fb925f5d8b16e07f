"""Write a float .tflite from a network and its weights.

Every tensor is named after its layer.
"""

from autotiny.lowering._builder import Builder, batched
from autotiny.lowering.operators import operator_of
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import INPUT, Network, Weights


def write_float(
    network: Network, weights: Weights, *, batch: int = 1, all_outputs: bool = False
) -> bytes:
    """Return a float .tflite with one signature, ``serving_default``.

    Args:
        network: What to write.
        weights: Its arrays; batch norm is folded here.
        batch: Samples per inference.
        all_outputs: Make every layer's output an output of the graph, in order, for calibration.
    """
    folded_network, folded = fold_batch_norm(network, weights)
    builder = Builder()
    tensors = {INPUT: builder.add_tensor(INPUT, batched(network.input_shape, batch))}
    for layer, before, after in folded_network.walk():
        operator = operator_of(layer, before, folded)
        constants = [
            builder.add_tensor(f"{layer.name}/{c.kind}", c.values.shape, c.values)
            for c in operator.constants
        ]
        tensors[layer.name] = builder.add_tensor(layer.name, batched(after, batch))
        inputs = [tensors[name] for name in layer.inputs]
        builder.add_operator(
            operator.code, [*inputs, *constants], tensors[layer.name], operator.options
        )
    made = [tensors[layer.name] for layer in network.layers]
    return builder.finish([tensors[INPUT]], made if all_outputs else made[-1:])
