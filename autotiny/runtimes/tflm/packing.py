"""From a full quantised .tflite to the smallest image that a target runs bit for bit."""

from autotiny.runtimes._base import Packed, Target
from autotiny.runtimes.tflm import graph as tflite
from autotiny.runtimes.tflm.image import write_image


def pack(model: bytes, target: Target, *, arena_limit: int | None = None) -> Packed:
    """Return the image of a model and how each weight tensor is stored in it.

    Args:
        model: Full quantised .tflite with tensor names.
        target: What the image must run on.
        arena_limit: Arena bytes that the choice of encodings must not exceed; None: no limit.
    """
    graphs = tflite.read_graphs(model)
    encodings = {
        graph.tensors[op.inputs[1]].name: "int8"
        for graph in graphs
        for op in graph.operators
        if op.code in (3, 4, 9) and graph.tensors[op.inputs[1]].data is not None
    }
    return Packed(write_image(graphs), encodings)
