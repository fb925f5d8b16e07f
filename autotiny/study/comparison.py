"""A trial beside the base model that it was made from, as a whole and layer by layer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autotiny.evaluation import device_score
from autotiny.networks.precision import INT8
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Footprint, Target
from autotiny.study.front import TrialRecord
from autotiny.study.progress import OnProgress
from autotiny.study.search import Search
from autotiny.tflite.reader import Model, Operator, Tensor, read_model


@dataclass(frozen=True)
class LayerFacts:
    """One layer with weights.

    Attributes:
        params: Weights and biases.
        macs: Multiply-accumulate operations per inference.
        precision: Bits of weights and activations.
        encoding: How its weights are stored.
        stored_bytes: What its constants take in flash; None if that is not told apart.
        sparsity: Share of its weights that are zero.
    """

    params: int
    macs: int
    precision: str
    encoding: str
    stored_bytes: int | None
    sparsity: float


@dataclass(frozen=True)
class Side:
    """One of two models.

    Attributes:
        score: On validation data, in the target's runtime; None if it was never trained.
        footprint: What it takes.
        layers: By name; empty if it was never trained.
    """

    score: float | None
    footprint: Footprint
    layers: Mapping[str, LayerFacts]


@dataclass(frozen=True)
class Comparison:
    """A base model and a trial that was made from it.

    Attributes:
        float_score: Of the base model before it is lowered, on validation data.
        base: The base model as int8, not compressed.
        trial: The trial.
    """

    float_score: float
    base: Side
    trial: Side


def compare(
    search: Search, record: TrialRecord, on_progress: OnProgress = lambda _: None
) -> Comparison:
    """Return a trial beside its study's base model; trains nothing that is in the cache."""
    return Comparison(
        search.base_model(on_progress).validation_score,
        uncompressed(search, on_progress),
        _trial(search, record),
    )


def uncompressed(search: Search, on_progress: OnProgress = lambda _: None) -> Side:
    """Return a study's base model as int8, scored in the target's runtime."""
    artifact = search.pipeline(on_progress, {}).uncompressed()
    model, packed = artifact.model, artifact.packed
    task, target, name = search.task, search.config.device, search.runtime.name
    score = device_score(search.runtime, model, packed.image, task.validation, task.goal)
    layers = layer_facts(model, packed.image, packed.encodings, {}, target, name)
    return Side(score, artifact.footprint, layers)


def _trial(search: Search, record: TrialRecord) -> Side:
    if record.litert_score is None:
        return Side(None, record.footprint, {})
    model, image = (search.folder.get_artifact(record, kind) for kind in ("model", "image"))
    target, name = search.config.device, search.runtime.name
    layers = layer_facts(model, image, record.encodings, record.plan, target, name)
    return Side(search.device_score(record), record.footprint, layers)


def layer_facts(
    model: bytes,
    image: bytes,
    encodings: Mapping[str, str],
    plan: Mapping[str, str],
    target: Target,
    runtime: str,
) -> dict[str, LayerFacts]:
    """Return the layers with weights of a model of ours, by name, in order of execution.

    Args:
        model: Full quantised .tflite.
        image: What is flashed of it.
        encodings: Weight tensor to how it is stored.
        plan: Layer to precision, where not int8.
        target: What it runs on.
        runtime: In which runtime.
    """
    parsed = read_model(model)
    macs = {layer.index: layer.macs for layer in get_runtime().analyze(model, target).layers}
    stored = _stored(model, image, target, runtime)
    found = {}
    for operator in parsed.operators:
        if (tensor := _kernel(parsed, operator)) is None:
            continue
        name = tensor.name.removesuffix("/kernel")
        bias = parsed.input(operator, 2)
        found[name] = LayerFacts(
            params=tensor.elements + (bias.elements if bias else 0),
            macs=macs.get(operator.index, 0),
            precision=plan.get(name, str(INT8)),
            encoding=encodings.get(tensor.name, "int8"),
            stored_bytes=stored.get(tensor.name),
            sparsity=_zeros(tensor),
        )
    return found


def _kernel(model: Model, operator: Operator) -> Tensor | None:
    """Return an operator's weights, which the lowering names after their layer."""
    tensor = model.input(operator, 1)
    named = tensor is not None and tensor.name.endswith("/kernel") and tensor.data is not None
    return tensor if named else None


def _zeros(tensor: Tensor) -> float:
    """Return the share of weights that are zero."""
    values = np.frombuffer(tensor.data or b"", np.int8)
    if tensor.type == "int4":  # two to a byte
        values = np.stack([values << 4 >> 4, values >> 4], axis=-1).ravel()
    return float((values[: tensor.elements] == 0).mean())


def _stored(model: bytes, image: bytes, target: Target, runtime: str) -> dict[str, int]:
    """Return the bytes that the constants of each layer take in flash, by its weights' name."""
    if runtime == "c":
        from autotiny.runtimes.c.layers import steps_of

        every = steps_of(model, target.core).steps
        return {step.label: step.constant_bytes for step in every}
    parsed, found = read_model(model), {}
    stored = get_runtime(runtime).analyze(image, target).layers
    # The image has no names, but the same operators in the same order, decoders between them.
    plain = [layer for layer in stored if layer.operator != "TFLM_DECODE"]
    for operator, layer in zip(parsed.operators, plain, strict=True):
        if (tensor := _kernel(parsed, operator)) is not None:
            found[tensor.name] = layer.weight_bytes
    return found
