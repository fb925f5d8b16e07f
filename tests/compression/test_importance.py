"""Every importance ranks channels, and ranks them by what it says."""

import numpy as np
import pytest
from helpers_networks import blobs, family_network, random_weights

from autotiny.compression.importance import IMPORTANCES
from autotiny.compression.width import SCOPES, Thinning, cut
from autotiny.networks.families import build_network
from autotiny.networks.graph import chain
from autotiny.networks.layers import Conv2D, Dense
from autotiny.tasks import CLASSIFY
from autotiny.training.evidence import measure_evidence
from autotiny.training.forward import logits

PLAIN = chain(
    (6, 6, 2),
    (Conv2D("a", 8, (3, 3), activation="relu"), Conv2D("b", 6, (3, 3)), Dense("out", 4)),
)


NETWORKS = {name: family_network(name) for name in ("mlp", "cnn", "ds_cnn")}
NETWORKS["mobilenet_v2"] = build_network("mobilenet_v2", {"head_filters": 16}, (12, 12, 1), 4)


def evidence_of(network, weights):
    split = blobs(network.input_shape, 4, 48)
    return measure_evidence(network, weights, split, CLASSIFY, seed=0), split


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", IMPORTANCES)
@pytest.mark.parametrize("family", ["cnn", "ds_cnn", "mobilenet_v2", "mlp"])
def test_every_importance_cuts_every_family(name, scope, family):
    network = NETWORKS[family]
    weights = random_weights(network)
    found, split = evidence_of(network, weights)
    student, inherited = cut(network, weights, 0.5, Thinning(name, scope), evidence=found)
    uniform, _ = cut(network, weights, 0.5)
    assert np.isfinite(logits(student, inherited, split.x[:4])).all()
    sizes = [sum(np.prod(s) for s in n.weight_shapes().values()) for n in (student, uniform)]
    if scope == "layer":
        assert student == uniform
    if scope == "bytes":
        assert sizes[0] <= sizes[1]
    if scope == "macs":
        assert student.macs <= uniform.macs


def test_the_silent_channel_goes_first():
    weights = random_weights(PLAIN)
    silent = 5
    weights["a/bias"] = np.full(8, 3.0, np.float32)
    weights["a/bias"][silent] = -1e6
    weights["a/kernel"][..., silent] *= 100  # what norms would keep
    found, _ = evidence_of(PLAIN, weights)
    assert found.zeros["a"][silent] == 1.0
    for name in ("activation", "zeros", "taylor"):
        _, inherited = cut(PLAIN, weights, 7 / 8, Thinning(name), evidence=found)
        assert inherited["a/bias"].min() > 0
    _, inherited = cut(PLAIN, weights, 7 / 8, Thinning("l1"))
    assert inherited["a/bias"].min() < -1e5


def test_taylor_predicts_what_removing_a_channel_changes():
    weights = random_weights(PLAIN)
    weights["out/kernel"] *= 0.01  # so that a first-order expansion holds
    found, split = evidence_of(PLAIN, weights)
    targets = CLASSIFY.kind.targets(split.x, split.y)

    def losses(changed):
        outputs = logits(PLAIN, changed, split.x).astype(float)
        peak = outputs.max(axis=1, keepdims=True)
        logs = outputs - peak - np.log(np.exp(outputs - peak).sum(axis=1, keepdims=True))
        return -logs[np.arange(len(outputs)), targets]

    before, measured = losses(weights), []
    for channel in range(6):
        changed = {n: a.copy() for n, a in weights.items()}
        changed["b/kernel"][..., channel] = 0
        changed["b/bias"][channel] = 0
        measured.append(np.abs(losses(changed) - before).mean())
    np.testing.assert_allclose(found.taylor["b"], measured, rtol=0.25)


def test_widths_that_suit_kernels_and_layers_that_stay_whole():
    network = family_network("cnn")
    weights = random_weights(network)
    first = network.weight_layers[0]
    student, _ = cut(network, weights, 0.45, Thinning(multiple=4, protect=(first.name,)))
    shapes, whole = student.weight_shapes(), network.weight_shapes()
    assert shapes[f"{first.name}/kernel"] == whole[f"{first.name}/kernel"]
    others = [x.name for x in network.weight_layers[1:-1]]
    for name in others:
        count = shapes[f"{name}/kernel"][-1]
        assert count % 4 == 0 or count == whole[f"{name}/kernel"][-1]


def test_random_is_the_seeds():
    network = family_network("cnn")
    weights = random_weights(network)
    kernels = [cut(network, weights, 0.5, Thinning("random"), seed=seed)[1] for seed in (0, 0, 1)]
    name = f"{network.weight_layers[0].name}/kernel"
    np.testing.assert_array_equal(kernels[0][name], kernels[1][name])
    assert not np.array_equal(kernels[0][name], kernels[2][name])


@pytest.mark.parametrize("scope", ["bytes", "macs"])
@pytest.mark.parametrize("floor", [0.0, 0.5, 1.0])
def test_no_layer_falls_below_the_floor_of_a_ranking(scope, floor):
    network = family_network("cnn")
    weights = random_weights(network)
    first = network.weight_layers[0].name
    weights[f"{first}/kernel"] = weights[f"{first}/kernel"] * np.linspace(
        1e-6, 1, weights[f"{first}/kernel"].shape[-1], dtype=np.float32
    )  # of which nearly all channels are worth less than any other's
    thin, _ = cut(network, weights, 0.5, Thinning("l1", scope, floor))
    uniform, _ = cut(network, weights, 0.5)
    for layer in network.weight_layers[:-1]:
        name = f"{layer.name}/kernel"
        least = uniform.weight_shapes()[name][-1] * floor
        assert thin.weight_shapes()[name][-1] >= least
    if floor == 1.0:
        assert thin == uniform
