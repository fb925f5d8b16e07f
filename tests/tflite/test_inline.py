"""Constants of large models lie inside the flatbuffer."""

from ai_edge_litert import schema_py_generated as schema
from helpers_networks import random_weights

from autotiny.evaluation import litert_outputs
from autotiny.lowering import lower, unit_ranges
from autotiny.networks.graph import chain
from autotiny.networks.layers import Dense
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.tflite.inline import inline_constants


def test_large_models_keep_their_constants_inside():
    network = chain((40,), (Dense("a", 6000, activation="relu"), Dense("out", 40)))
    weights = random_weights(network)
    model = lower(network, weights, {}, unit_ranges(network))
    assert len(model) > 480_000
    root = schema.Model.GetRootAs(model, 0)
    assert not any(root.Buffers(i).Offset() for i in range(root.BuffersLength()))
    assert inline_constants(model) is model
    runtime = get_runtime()
    packed = runtime.pack(model, Target())
    assert runtime.footprint(packed.image, Target()).model_bytes == len(packed.image)
    x = weights["a/kernel"].T[:3].copy()
    assert litert_outputs(model, x).quantised.shape == (3, 40)
