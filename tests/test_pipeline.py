"""The road of a candidate, from hyperparameters to a scored artifact."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from helpers_networks import blobs

from autotiny.base_model import train_base_model
from autotiny.budget.limits import Budget
from autotiny.budget.spending import Spending
from autotiny.candidate import BaseTraining, Candidate
from autotiny.compression.sensitivity import Sensitivity
from autotiny.errors import DivergedError
from autotiny.evaluation import litert_outputs
from autotiny.lowering import activation_ranges
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.precision import LayerPrecision
from autotiny.pipeline import Pipeline, representative_samples
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.study.once import build_base_network
from autotiny.study.space import SearchSpace
from autotiny.tasks._base import Split, Task

C2, C4 = (LayerPrecision(weight_bits=bits, clustered=True) for bits in (2, 4))
A16 = LayerPrecision(activation_bits=16)
W4 = LayerPrecision(weight_bits=4)
SPACES = {
    "mlp": {"units": [40, 24]},
    "cnn": {"filters": [12, 24], "strides": [1, 2]},
    "ds_cnn": {"filters": 24, "blocks": 1, "stem_kernel": 3},
}
SHAPE = (9, 6, 1)


def poisoned(split):
    """A test split that spoils whatever touches it."""
    return Split(np.full_like(split.x, np.nan), np.full_like(split.y, -1))


@pytest.fixture(scope="module")
def task():
    train, validation = blobs(SHAPE, 3, 192, spread=1.0), blobs(SHAPE, 3, 96, seed=1, spread=1.0)
    return Task("blobs", train, validation, poisoned(validation), ("a", "b", "c"))


def make_pipeline(task, family, base, sensitivity=(), spending=None, runtime="tflm"):
    space = SearchSpace(family=family, base=base, training=BaseTraining(epochs=3, patience=3))
    model = train_base_model(
        task,
        build_base_network(task, space),
        space.training,
        representative_samples(task, 0),
        seed=0,
    )
    spending = spending or Spending(Target())
    return Pipeline(
        task, model, sensitivity, get_runtime(runtime), spending, seed=0, batch_size=16
    ), model


@pytest.fixture(scope="module", params=SPACES)
def pipeline(request, task):
    return make_pipeline(task, request.param, SPACES[request.param])[0]


@pytest.fixture(scope="module")
def wide(task):
    """A pipeline whose first layer may be clustered, large enough for DECODE to pay."""
    table = (Sensitivity("dense0", C2, 0.0, 0.01),)
    return make_pipeline(task, "mlp", {"units": [700, 48]}, table)


def candidate(**parameters):
    return Candidate.from_parameters({"epochs": 2} | parameters)


def check_bound(prepared, scored):
    """A trained artifact takes what was predicted at most, and little less but for Huffman's."""
    before, after = prepared.artifact.footprint, scored.artifact.footprint
    assert after.flash_bytes <= before.flash_bytes
    codes = set(scored.artifact.packed.encodings.values())
    layers = len(prepared.network.layers)
    assert "huffman" in codes or before.flash_bytes - after.flash_bytes <= 24 * layers
    assert len(scored.artifact.packed.image) == after.model_bytes


@pytest.mark.parametrize("width", [1.0, 0.5])
def test_footprint_before_training_is_the_one_after(pipeline, width, task):
    """But for scales and zero points that TFLM can derive, or that happen to be equal."""
    prepared = pipeline.prepare(candidate(width=width, epochs=5))
    scored = pipeline.finish(prepared, seed=1)
    check_bound(prepared, scored)
    before, after = prepared.artifact.footprint, scored.artifact.footprint
    assert set(scored.artifact.packed.encodings.values()) == {"int8"}
    names = ("arena_bytes", "runtime_bytes", "macs", "params", "instructions")
    assert [getattr(before, n) for n in names] == [getattr(after, n) for n in names]
    outputs = litert_outputs(scored.artifact.model, task.validation.x)
    assert scored.score == task.goal.score(outputs.real, task.validation)
    assert scored.score > 0.5 or width < 1


TABLE = tuple(
    Sensitivity(layer, precision, 0.0, 0.01)
    for layer in ("dense0", "dense1", "conv0", "conv1", "stem", "pointwise0", "classifier")
    for precision in (C2, W4, C4)
)
WIDE_SPACES = {
    "mlp": {"units": [300, 48]},
    "cnn": {"filters": [24, 48], "strides": [1, 2]},
    "ds_cnn": {"filters": 64, "blocks": 1, "stem_kernel": 3},
}


@pytest.mark.parametrize("kernels", ["reference", "cmsis-nn"])
@pytest.mark.parametrize("family", WIDE_SPACES)
def test_no_trained_candidate_takes_more_than_predicted(task, family, kernels):
    spending = Spending(Target(kernels=kernels))
    pipeline, _ = make_pipeline(task, family, WIDE_SPACES[family], TABLE, spending)
    rng = np.random.default_rng(5)
    for _ in range(6):
        prepared = pipeline.prepare(
            candidate(
                width=rng.uniform(0.2, 1.0),
                sparsity=rng.choice([0.0, 0.5, 0.9]),
                precision_tolerance=rng.choice([0.0, 0.01, 0.05]),
                encoding_ram=rng.choice(["free", "budget"]),
                epochs=1,
            )
        )
        check_bound(prepared, pipeline.finish(prepared, seed=1))


def test_compiled_c_takes_16_bit_activations_of_many_inputs():
    """Before training, too: weights are then as large as their grid is, and sums leave 32 bits."""
    shape = (32, 40, 1)
    train, validation = blobs(shape, 3, 96), blobs(shape, 3, 48, seed=1)
    task = Task("wide", train, validation, poisoned(validation), ("a", "b", "c"))
    table = (Sensitivity("dense0", A16, 0.0, -0.5), Sensitivity("dense1", C2, 0.0, 0.3))
    pipeline, _ = make_pipeline(task, "mlp", {"units": [6, 900]}, table, runtime="c")
    prepared = pipeline.prepare(candidate(precision_tolerance=0.01, epochs=1))
    assert prepared.plan == {"dense0": A16, "dense1": C2}
    scored = pipeline.finish(prepared, seed=1)
    assert scored.artifact.footprint.flash_bytes <= prepared.artifact.footprint.flash_bytes


@pytest.mark.parametrize("family", ["mlp", "cnn"])
def test_zeros_by_blocks_keep_their_bound_as_compiled_c(task, family):
    """And what zeros save is known before training: they are stored as blocks then, too."""
    pipeline, _ = make_pipeline(task, family, WIDE_SPACES[family], TABLE, runtime="c")
    dense = pipeline.prepare(candidate()).artifact.footprint
    for sparsity in (0.5, 0.9):
        wanted = candidate(sparsity=sparsity, pruning_pattern="blocks", epochs=1)
        prepared = pipeline.prepare(wanted)
        assert prepared.pruned
        scored = pipeline.finish(prepared, seed=1)
        for artifact in (prepared.artifact, scored.artifact):
            assert "blocks" in artifact.packed.encodings.values()
            assert artifact.footprint.flash_bytes < dense.flash_bytes
        before, after = prepared.artifact.footprint, scored.artifact.footprint
        assert after.flash_bytes <= before.flash_bytes
        assert after.ram_bytes <= before.ram_bytes


def test_a_candidate_at_the_edge_of_the_budget_ends_within_it(task):
    """Here Huffman codes are smaller, but would take more RAM than there is."""
    candidates = [candidate(sparsity=0.9), candidate(precision_tolerance=0.02, sparsity=0.5)]
    table = (Sensitivity("dense0", C2, 0.0, 0.01),)
    for wanted in candidates:
        free, _ = make_pipeline(task, "mlp", {"units": [700, 48]}, table)
        bound = free.prepare(wanted).artifact.footprint
        budget = Budget(flash_bytes=bound.flash_bytes, ram_bytes=bound.ram_bytes)
        limit = bound.arena_bytes
        spending = Spending(Target(), arena_limit=limit, budget=budget)
        tight, _ = make_pipeline(task, "mlp", {"units": [700, 48]}, table, spending)
        prepared = tight.prepare(wanted)
        assert budget.fits(prepared.artifact.footprint)
        assert budget.fits(tight.finish(prepared, seed=1).artifact.footprint)


def test_what_changes_no_byte_is_dropped(pipeline, wide):
    """Zeros save nothing where DECODE's code is larger than the kernels."""
    plain = pipeline.prepare(candidate())
    pruned = pipeline.prepare(candidate(sparsity=0.9, precision_tolerance=0.5))
    assert set(pruned.dropped) == {"sparsity", "precision_tolerance", "encoding_ram"}
    assert pruned.candidate.sparsity.final == 0.0
    assert pruned.pruned == ()
    assert pruned.artifact.footprint == plain.artifact.footprint
    large = wide[0].prepare(candidate(sparsity=0.9))
    assert "sparsity" not in large.dropped
    assert large.pruned == ("dense0/kernel", "dense1/kernel")


def test_a_diverged_training_is_no_model(pipeline):
    prepared = pipeline.prepare(candidate(learning_rate=1e30))
    with pytest.raises(DivergedError, match=r"diverged.*learning rate 1e\+30|not finite"):
        pipeline.finish(prepared, seed=1)


def test_same_seed_same_artifact(wide):
    pipeline, _ = wide
    parameters = {"sparsity": 0.5, "distillation_alpha": 0.5, "precision_tolerance": 0.02}
    prepared = pipeline.prepare(candidate(width=0.8, **parameters))
    assert pipeline.prepare(prepared.candidate).artifact.model == prepared.artifact.model
    assert prepared.plan == {"dense0": C2}
    first, again = (pipeline.finish(prepared, seed=3).artifact for _ in range(2))
    assert first.model == again.model
    assert first.packed.image == again.packed.image


def test_a_wider_candidate_is_larger(pipeline):
    small, large = (pipeline.prepare(candidate(width=width)) for width in (0.3, 1.0))
    assert small.artifact.footprint.model_bytes < large.artifact.footprint.model_bytes


def test_preparing_trains_nothing():
    """In a process of its own: there is no TensorFlow that could."""
    program = """
import sys
import numpy as np
from autotiny.base_model import BaseModel
from autotiny.study.once import build_base_network
from autotiny.lowering import unit_ranges
from autotiny.networks.initial import initial_weights
from autotiny.pipeline import Pipeline, Spending
from autotiny.runtimes import Target, get_runtime
from autotiny.candidate import Candidate
from autotiny.study.space_files import parse_space, read_space
from autotiny.tasks import load_task

task = load_task("digits", seed=0)
network = build_base_network(task, parse_space(read_space("cnn"), "cnn"))
none = np.zeros((0, 10), np.float32)
base = BaseModel(network, initial_weights(network, 0), unit_ranges(network), none, none, 0.0)
pipeline = Pipeline(task, base, (), get_runtime(), Spending(Target()), seed=0, batch_size=32)
parameters = {"width": 0.5, "sparsity": 0.5}
assert pipeline.prepare(Candidate.from_parameters(parameters)).artifact.footprint.flash_bytes > 0
assert "tensorflow" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_pruned_images_shrink_and_training_does_not_undo_it(wide):
    pipeline, _ = wide
    dense = pipeline.prepare(candidate()).artifact.footprint
    prepared = pipeline.prepare(candidate(sparsity=0.9))
    scored = pipeline.finish(prepared, seed=1)
    before, after = prepared.artifact.footprint, scored.artifact.footprint
    assert before.flash_bytes < dense.flash_bytes
    assert after.flash_bytes <= before.flash_bytes
    assert set(prepared.artifact.packed.encodings.values()) == {"pruned", "int8"}
    # What is pruned is stored for its zeros after training too.
    assert scored.artifact.packed.sparse >= set(prepared.pruned)


def test_clustered_layer_ends_on_its_levels(wide):
    pipeline, _ = wide
    prepared = pipeline.prepare(candidate(precision_tolerance=0.02, sparsity=0.5))
    assert prepared.plan == {"dense0": C2}
    epochs = []
    scored = pipeline.finish(prepared, seed=1, on_epoch=lambda epoch, _: epochs.append(epoch))
    assert epochs == [1, 2, 3]  # two of the candidate, one on the grid
    assert prepared.artifact.packed.encodings["dense0/kernel"] == "lut2"
    check_bound(prepared, scored)
    assert scored.score > 0.5


def test_tolerance_zero_leaves_int8(wide):
    assert wide[0].prepare(candidate(precision_tolerance=0.0)).plan == {}


def test_application_bytes_are_counted(task):
    plain, _ = make_pipeline(task, "mlp", SPACES["mlp"])
    laden, _ = make_pipeline(
        task,
        "mlp",
        SPACES["mlp"],
        spending=Spending(Target(), app_flash_bytes=5000, app_ram_bytes=70),
    )
    a, b = (p.prepare(candidate()).artifact.footprint for p in (plain, laden))
    assert (b.flash_bytes - a.flash_bytes, b.ram_bytes - a.ram_bytes) == (5000, 70)


def test_base_model_holds_what_it_says(wide, task):
    _, base = wide
    assert base.train_outputs.shape == (192, 3)
    predicted = base.validation_outputs.argmax(axis=1)
    assert base.validation_score == (predicted == task.validation.y).mean()
    folded, weights = fold_batch_norm(base.network, base.weights)
    assert base.ranges == activation_ranges(folded, weights, representative_samples(task, 0))


def test_representative_samples_are_training_samples(task):
    samples = representative_samples(task, 5, count=50)
    assert samples.shape == (50, *SHAPE)
    rows = {row.tobytes() for row in task.train.x}
    assert {sample.tobytes() for sample in samples} <= rows
    assert len({sample.tobytes() for sample in samples}) == 50


def test_the_test_split_changes_nothing(task):
    other = dataclasses.replace(task, test=Split(task.train.x[:7] * 3, task.train.y[:7]))
    models = []
    for data in (task, other):
        pipeline, base = make_pipeline(data, "mlp", {"units": [12]})
        models.append((base.train_outputs.tobytes(), pipeline.prepare(candidate()).artifact.model))
    assert models[0] == models[1]


def test_codes_that_only_training_shows_to_pay_keep_the_budget(task):
    """Huffman codes save flash and take RAM; what was predicted never knows of them."""
    spending = Spending(Target())
    pipeline, _ = make_pipeline(task, "mlp", {"units": [700, 400]}, (), spending)
    prepared = pipeline.prepare(candidate(epochs=1))
    bound = prepared.artifact.footprint
    free = pipeline.finish(prepared, seed=1).artifact
    assert free.footprint.flash_bytes <= bound.flash_bytes
    budget = Budget(bound.flash_bytes, bound.ram_bytes)
    tight, _ = make_pipeline(
        task,
        "mlp",
        {"units": [700, 400]},
        (),
        Spending(Target(), arena_limit=bound.arena_bytes, budget=budget),
    )
    assert budget.fits(tight.finish(tight.prepare(candidate(epochs=1)), seed=1).artifact.footprint)
