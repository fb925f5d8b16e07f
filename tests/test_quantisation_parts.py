"""Every part of quantisation trains, lowers within its bound and gives the same bits everywhere."""

import numpy as np
import pytest
from helpers_networks import blobs

from autotiny.base_model import train_base_model
from autotiny.budget.spending import Spending
from autotiny.candidate import BaseTraining, Candidate
from autotiny.compression.sensitivity import Sensitivity
from autotiny.evaluation import io_quantisation
from autotiny.hyperparameters import RULES
from autotiny.networks.precision import LayerPrecision
from autotiny.pipeline import Pipeline, representative_samples
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.study.once import build_base_network
from autotiny.study.space import SearchSpace
from autotiny.tasks._base import Task

C4, W4, A16 = (
    LayerPrecision(weight_bits=4, clustered=True),
    LayerPrecision(weight_bits=4),
    LayerPrecision(activation_bits=16),
)
FAMILIES = {
    "cnn": {"filters": [12, 24], "strides": [1, 2]},
    "ds_cnn": {"filters": 40, "blocks": 1, "stem_kernel": 3},
}
TABLE = tuple(
    Sensitivity(layer, precision, 0.0, cost)
    for layer, precision, cost in (
        ("conv1", C4, 0.01),
        ("pointwise0", W4, 0.01),
        ("stem", A16, -0.5),
        ("conv0", A16, -0.5),
    )
)
PARTS = (
    "quantisation", "calibration", "weight_scaling", "weight_granularity", "scale_grid",
    "bias_correction",
)  # fmt: skip
ALONE = [
    {"quantisation": kind, "precision_mode": "uniform", "bits": bits}
    for kind in ("post_training", "aware", "lsq")
    for bits in (4, 2)
] + [
    {"quantisation": "aware", "precision_mode": "uniform", "activation_bits": 16},
    {"precision_mode": "uniform", "bits": 1, "scale_grid": "power_of_two"},
    {"precision_mode": "uniform", "bits": 3, "weight_granularity": "tensor"},
    {"precision_mode": "free", "bits.conv1": 4, "bits.pointwise0": 2, "bias_correction": "on"},
    {"quantisation": "lsq", "scale_grid": "power_of_two", "calibration": "octav"},
    {"weight_scaling": "mse", "precision_mode": "uniform", "bits": 4},
]
CASES = [(name, choice) for name in PARTS for choice in RULES[name].choices]


@pytest.fixture(scope="module", params=["tflm", "c"])
def runtime(request):
    return request.param


@pytest.fixture(scope="module", params=FAMILIES)
def pipeline(request, runtime):
    shape = (9, 6, 1)
    train, validation = (blobs(shape, 3, n, seed=s, spread=1.0) for n, s in ((192, 0), (96, 1)))
    task = Task("blobs", train, validation, validation, ("a", "b", "c"))
    space = SearchSpace(
        family=request.param,
        base=FAMILIES[request.param],
        training=BaseTraining(epochs=3, patience=3),
    )
    samples = representative_samples(task, 0)
    base = train_base_model(task, build_base_network(task, space), space.training, samples, seed=0)
    spending = Spending(Target())
    return Pipeline(task, base, TABLE, get_runtime(runtime), spending, seed=0, batch_size=16), task


def finished(pipeline, **parameters):
    """Return a candidate before and after two epochs, held against its bound."""
    prepared = pipeline.prepare(Candidate.from_parameters({"epochs": 2} | parameters))
    scored = pipeline.finish(prepared, seed=1)
    before, after = prepared.artifact.footprint, scored.artifact.footprint
    assert after.flash_bytes <= before.flash_bytes
    codes = set(scored.artifact.packed.encodings.values())
    layers = len(prepared.network.layers)
    assert "huffman" in codes or before.flash_bytes - after.flash_bytes <= 48 * layers
    return prepared, scored


def check_bits(pipeline, runtime, **parameters):
    pipeline, task = pipeline
    prepared, scored = finished(pipeline, **parameters)
    model = scored.artifact.model
    x = io_quantisation(model)[0].quantise(task.validation.x[:8])
    expected = get_runtime("tflm").outputs(model, x)
    found = get_runtime(runtime).outputs(scored.artifact.packed.image, x)
    np.testing.assert_array_equal(found, expected)
    return prepared


@pytest.mark.parametrize(("name", "choice"), CASES)
def test_every_part_runs_the_same_bits(pipeline, runtime, name, choice):
    for tolerance in (0.0, 0.05):
        check_bits(pipeline, runtime, precision_tolerance=tolerance, **{name: choice})


@pytest.mark.parametrize("parameters", ALONE, ids=str)
def test_parts_go_together(pipeline, runtime, parameters):
    check_bits(pipeline, runtime, **parameters)
