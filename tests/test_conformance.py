"""Every part of every registry trains, lowers within its bound and runs the same bits everywhere.

Parts are found by what a search space may name: one line of registration brings one in here.
"""

import dataclasses
import functools
from typing import get_args

import numpy as np
import pytest
from helpers_networks import blobs

from autotiny.base_model import train_base_model
from autotiny.budget.spending import Spending
from autotiny.candidate import BaseTraining, Candidate
from autotiny.compression.sensitivity import Sensitivity
from autotiny.compression.sparsity.sensitivity import measure_sparsity
from autotiny.evaluation import io_quantisation
from autotiny.hyperparameters import RULES
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.precision import LayerPrecision
from autotiny.pipeline import Pipeline, representative_samples
from autotiny.runtimes import RUNTIMES, get_runtime
from autotiny.runtimes._base import Target
from autotiny.study.once import build_base_network
from autotiny.study.space import SearchSpace
from autotiny.tasks import CLASSIFY
from autotiny.tasks._base import Task
from autotiny.tasks._layout import Layout
from autotiny.training.augmentations import suits
from autotiny.training.evidence import measure_evidence
from autotiny.training.forward import logits

C4, W4, A16 = (
    LayerPrecision(weight_bits=4, clustered=True),
    LayerPrecision(weight_bits=4),
    LayerPrecision(activation_bits=16),
)
FAMILIES = {
    "cnn": {"filters": [12, 24, 24], "strides": [1, 2, 1]},
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
#: Parts of lowering, which differ by family and runtime; the others are those of training.
LOWERING = {
    "quantisation", "calibration", "weight_scaling", "weight_granularity", "scale_grid",
    "bias_correction", "precision_mode", "bits", "activation_bits", "encoding_ram",
}  # fmt: skip
CASES = [(name, choice) for name, rule in RULES.items() for choice in rule.choices]
#: What changes no weight, but how the ones that are there are stored.
STORAGE = {"encoding_ram"}
#: Beside what parts change anything.
SEEN_AT = {
    "importance": {"width": 0.5},
    "width_scope": {"width": 0.5},
    "weight_scaling": {"quantisation": "post_training", "precision_mode": "uniform", "bits": 4},
}
TOGETHER = [
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
    {"sparsity": 0.8, "pruning_pattern": "blocks", "precision_mode": "uniform", "bits": 4},
    {
        "sparsity": 0.9,
        "pruning_pattern": "blocks",
        "precision_mode": "free",
        "bits": 4,
        "quantisation": "lsq",
    },
    {
        "width": 0.5,
        "importance": "taylor",
        "distillation_alpha": 0.5,
        "distillation": "progressive",
    },
    {"sparsity": 0.8, "quantisation": "aware", "distillation_alpha": 0.5, "width": 0.7},
]


class Made:
    """Candidates of one family for one runtime, each trained once."""

    def __init__(self, family, runtime):
        shape = (9, 6, 1)
        train, validation = (blobs(shape, 3, n, seed=s, spread=1.0) for n, s in ((192, 0), (96, 1)))
        self.task = Task("blobs", train, validation, validation, ("a", "b", "c"))
        self._runtime = get_runtime(runtime)
        space = SearchSpace(
            family=family, base=FAMILIES[family], training=BaseTraining(epochs=3, patience=3)
        )
        samples = representative_samples(self.task, 0)
        network = build_base_network(self.task, space)
        self._base = train_base_model(self.task, network, space.training, samples, seed=0)
        folded, weights = fold_batch_norm(self._base.network, self._base.weights)
        self._zeros = measure_sparsity(
            self._base.network,
            self._base.weights,
            lambda network, weights: logits(network, weights, validation.x),
            lambda outputs: CLASSIFY.kind.divergence(self._base.validation_outputs, outputs),
        )
        self._evidence = measure_evidence(folded, weights, train, CLASSIFY, seed=0)
        self._trained = {}

    def candidate(self, **parameters):
        """Return a candidate before and after two epochs, held against its bound."""
        key = tuple(sorted(parameters.items()))
        if key not in self._trained:
            self._trained[key] = self._train(parameters)
        return self._trained[key]

    def _train(self, parameters):
        augmentation = parameters.get("augmentation", "none")
        layout = next(x for x in get_args(Layout) if suits(augmentation, x))
        pipeline = Pipeline(
            dataclasses.replace(self.task, layout=layout),
            self._base,
            TABLE,
            self._runtime,
            Spending(Target()),
            seed=0,
            batch_size=16,
            sparsity_sensitivity=self._zeros,
            evidence=self._evidence,
        )
        prepared = pipeline.prepare(Candidate.from_parameters({"epochs": 2} | parameters))
        scored = pipeline.finish(prepared, seed=1)
        before, after = prepared.artifact.footprint, scored.artifact.footprint
        assert after.flash_bytes <= before.flash_bytes
        codes = set(scored.artifact.packed.encodings.values())
        _, weights = fold_batch_norm(prepared.network, prepared.weights)
        shorter = 2 * sum(array.size for name, array in weights.items() if name.endswith("/bias"))
        loose = 48 * len(prepared.network.layers) + shorter  # some biases fit two bytes
        assert "huffman" in codes or before.flash_bytes - after.flash_bytes <= loose
        return prepared, scored

    def check_bits(self, model, packed):
        """Hold a model against itself in every runtime, as stored and as that would store it."""
        x = io_quantisation(model)[0].quantise(self.task.validation.x[:8])
        expected = get_runtime("tflm").outputs(model, x)
        np.testing.assert_array_equal(self._runtime.outputs(packed.image, x), expected)
        for runtime in map(get_runtime, RUNTIMES):
            if runtime is not self._runtime:
                image = runtime.pack(model, Target()).image
                np.testing.assert_array_equal(runtime.outputs(image, x), expected)


@functools.cache
def made(family, runtime):
    return Made(family, runtime)


def beside(name):
    """Return what else must be chosen for a hyperparameter to matter."""
    rule = RULES[name]
    if rule.needs is None:
        return {}
    return beside(rule.needs) | {rule.needs: rule.values[0] if rule.values else 0.6}


def check(family, runtime, name, choice):
    """Train a part's candidate, and one without the part, which must come out another."""
    made_of = made(family, runtime)
    common = {"precision_tolerance": 0.05, "epochs": 3} | beside(name) | SEEN_AT.get(name, {})
    prepared, scored = made_of.candidate(**common | {name: choice})
    if runtime == "c":  # TFLM has no kernels for some, and drops them
        assert name not in prepared.dropped
    made_of.check_bits(scored.artifact.model, scored.artifact.packed)
    return scored.artifact.model, made_of.candidate(**common)[1].artifact.model


@pytest.mark.parametrize(("name", "choice"), CASES)
def test_every_part_runs_the_same_bits(name, choice):
    model, default = check("cnn", "c", name, choice)
    if choice == RULES[name].default:
        assert model == default
    elif name not in STORAGE:
        assert model != default


@pytest.mark.parametrize(("name", "choice"), [case for case in CASES if case[0] in LOWERING])
@pytest.mark.parametrize(("family", "runtime"), [("ds_cnn", "c"), ("ds_cnn", "tflm")])
def test_parts_of_lowering_suit_families_and_runtimes(family, runtime, name, choice):
    check(family, runtime, name, choice)


@pytest.mark.parametrize("parameters", TOGETHER, ids=str)
@pytest.mark.parametrize(("family", "runtime"), [("cnn", "c"), ("ds_cnn", "tflm")])
def test_parts_go_together(family, runtime, parameters):
    _, scored = made(family, runtime).candidate(**parameters)
    made(family, runtime).check_bits(scored.artifact.model, scored.artifact.packed)
