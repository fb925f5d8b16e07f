"""The steps that are taken once per study, and cached: base model and sensitivity table."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.base_model import (
    BaseModel,
    read_base_model,
    train_base_model,
)
from autotiny.compression.depth import BlockCost, measure_blocks
from autotiny.compression.importance import Evidence
from autotiny.compression.sensitivity import Sensitivity, measure_sensitivity
from autotiny.compression.sparsity import prunable
from autotiny.compression.sparsity.sensitivity import measure_sparsity
from autotiny.compression.sparsity.shares import LEVELS, SparsitySensitivity
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.blocks import removable_blocks
from autotiny.networks.families import build_network
from autotiny.networks.graph import Network, Weights, network_from_plain, network_to_plain
from autotiny.networks.precision import LayerPrecision
from autotiny.pipeline import representative_samples
from autotiny.study.cache import StepCache
from autotiny.study.config import StudyConfig
from autotiny.study.progress import OnProgress, Progress
from autotiny.study.space import SearchSpace
from autotiny.tasks import Task
from autotiny.tensorflow_setup import choose_threads

#: Counts up when a result's meaning changes, so that older ones are not taken for it.
_VERSION = 1


def build_base_network(task: Task, space: SearchSpace) -> Network:
    """Return the untrained base network of a space for a task."""
    assert space.family is not None  # StudyConfig lets only a study with a model have none
    return build_network(space.family, space.base, task.input_shape, task.outputs)


def study_threads(config: StudyConfig, task: Task) -> None:
    """Let TensorFlow have as many threads as a study's base model is worth, before it first runs.

    A user's model is not known before TensorFlow has read it: it gets those that there are.
    """
    if config.model is None:
        network = build_base_network(task, config.space)
        choose_threads(config.space.training.batch_size * network.macs)


def base_model(config: StudyConfig, task: Task, cache: Path, on_progress: OnProgress) -> BaseModel:
    """Return a study's base model: trained, or the user's own; from the cache if it is there.

    Raises:
        InputError: If the user's own is no longer the one the study was started with.
    """
    samples = representative_samples(task, config.seed)
    if config.model is not None:
        from autotiny.readers.model_file import check_model

        check_model(config.model, config.model_sha256)
    else:  # also when the cache has it: what follows must run in as many threads as it did
        study_threads(config, task)
    steps, key = StepCache(cache), _key(config)
    if (stored := steps.load("base", key)) is not None:
        with contextlib.suppress(LookupError, TypeError, ValueError):  # another's: made again
            return _unpacked(*stored)
    if config.model is not None:
        base = read_base_model(config.model, config.model_sha256, task, samples)
    else:
        total = config.space.training.epochs
        base = train_base_model(
            task,
            build_base_network(task, config.space),
            config.space.training,
            samples,
            seed=config.seed,
            on_epoch=lambda epoch, _: on_progress(Progress("base", epoch, total)),
        )
    steps.store("base", key, *_packed(base))
    return base


def sensitivity(
    config: StudyConfig,
    task: Task,
    base: BaseModel,
    options: Mapping[str, Sequence[LayerPrecision]],
    cache: Path,
    on_progress: OnProgress,
) -> tuple[Sensitivity, ...]:
    """Return the sensitivity of a base model's layers to the precisions in ``options``."""
    wanted = {layer: list(map(dataclasses.asdict, group)) for layer, group in options.items()}
    steps, key = StepCache(cache), _key(config) | {"options": wanted}
    if (stored := steps.load("sensitivity", key)) is not None:
        with contextlib.suppress(LookupError, TypeError, ValueError):
            return tuple(
                Sensitivity(
                    row["layer"],
                    LayerPrecision(**row["precision"]),
                    row["accuracy_loss"],
                    row["kl_divergence"],
                )
                for row in stored[1]
            )
    network, weights = fold_batch_norm(base.network, base.weights)
    total, done = sum(map(len, options.values())), 0

    def step() -> None:
        nonlocal done
        done += 1
        on_progress(Progress("sensitivity", done, total))

    table = measure_sensitivity(
        network,
        weights,
        base.ranges,
        options,
        task.validation,
        base.validation_outputs,
        goal=task.goal,
        seed=config.seed,
        on_step=step,
    )
    # Names of 0.1.0, whose caches stay readable.
    rows = [
        {
            "layer": row.layer,
            "precision": dataclasses.asdict(row.precision),
            "accuracy_loss": row.score_loss,
            "kl_divergence": row.divergence,
        }
        for row in table
    ]
    steps.store("sensitivity", key, {}, rows)
    return table


def block_costs(
    config: StudyConfig, task: Task, base: BaseModel, cache: Path, on_progress: OnProgress
) -> tuple[BlockCost, ...]:
    """Return what skipping each block of a base model costs, the one that goes first at the front.

    Measured on the float model and the validation split; from the cache if it is there.
    """
    steps, key = StepCache(cache), _key(config)
    if (stored := steps.load("blocks", key)) is not None:
        with contextlib.suppress(LookupError, TypeError, ValueError):
            return tuple(BlockCost(**row) for row in stored[1])
    from autotiny.training.forward import logits

    total, done = 2 * len(removable_blocks(base.network)), 0

    def step() -> None:
        nonlocal done
        done += 1
        on_progress(Progress("blocks", done, total))

    def run(network: Network, weights: Weights) -> NDArray[np.float32]:
        return logits(network, weights, task.validation.x)

    def judge(outputs: NDArray[np.float32]) -> tuple[float, float]:
        quality = task.goal.metric.quality
        lost = quality(base.validation_score) - quality(task.goal.score(outputs, task.validation))
        return task.goal.kind.divergence(base.validation_outputs, outputs), lost

    table = measure_blocks(base.network, base.weights, run, judge, on_step=step)
    steps.store("blocks", key, {}, [dataclasses.asdict(row) for row in table])
    return table


def sparsity_sensitivity(
    config: StudyConfig, task: Task, base: BaseModel, cache: Path, on_progress: OnProgress
) -> tuple[SparsitySensitivity, ...]:
    """Return what zeros in each prunable kernel of a base model cost; from the cache if there.

    Measured on the float model and the validation split.
    """
    steps, key = StepCache(cache), _key(config) | {"levels": list(LEVELS)}
    if (stored := steps.load("zeros", key)) is not None:
        with contextlib.suppress(LookupError, TypeError, ValueError):
            return tuple(
                SparsitySensitivity(row["kernel"], tuple(row["divergences"])) for row in stored[1]
            )
    from autotiny.training.forward import logits

    total, done = len(LEVELS) * len(prunable(base.network)), 0

    def step() -> None:
        nonlocal done
        done += 1
        on_progress(Progress("zeros", done, total))

    table = measure_sparsity(
        base.network,
        base.weights,
        lambda network, weights: logits(network, weights, task.validation.x),
        lambda outputs: task.goal.kind.divergence(base.validation_outputs, outputs),
        on_step=step,
    )
    steps.store("zeros", key, {}, [dataclasses.asdict(row) for row in table])
    return table


def evidence(
    config: StudyConfig, task: Task, base: BaseModel, cache: Path, on_progress: OnProgress
) -> Evidence:
    """Return what the base model's channels do on training data; from the cache if there."""
    steps, key = StepCache(cache), _key(config)
    if (stored := steps.load("channels", key)) is not None:
        with contextlib.suppress(LookupError, TypeError, ValueError):
            return Evidence(**{
                field.name: {
                    name.partition("/")[2]: array
                    for name, array in stored[0].items()
                    if name.startswith(f"{field.name}/")
                }
                for field in dataclasses.fields(Evidence)
            })  # fmt: skip
    from autotiny.training.evidence import measure_evidence

    on_progress(Progress("channels", 0, 1))
    found = measure_evidence(base.network, base.weights, task.train, task.goal, seed=config.seed)
    on_progress(Progress("channels", 1, 1))
    arrays = {
        f"{kind}/{layer}": array
        for kind, layers in dataclasses.asdict(found).items()
        for layer, array in layers.items()
    }
    steps.store("channels", key, arrays, [])
    return found


def _key(config: StudyConfig) -> dict[str, Any]:
    """Return what a base model depends on."""
    kind, metric = config.task or "classification", config.score.name
    goal: dict[str, Any] = {"task": kind, "metric": metric, "class_weights": config.class_weights}
    if (kind, metric, config.class_weights) == ("classification", "accuracy", None):
        goal = {}  # as it was before there was another
    return goal | {
        "version": _VERSION,
        "data": config.fingerprint,
        "seed": config.seed,
        "model": config.model_sha256,
        "space": config.space.model_dump(mode="json", include={"family", "base", "training"}),
    }


def _packed(base: BaseModel) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a base model as arrays and facts."""
    arrays = {f"weights/{name}": array for name, array in base.weights.items()}
    arrays |= {"train_logits": base.train_outputs, "validation_logits": base.validation_outputs}
    facts = {
        "network": network_to_plain(base.network),
        "ranges": dict(base.ranges),
        "validation_accuracy": base.validation_score,
    }
    return arrays, facts


def _unpacked(arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> BaseModel:
    weights = {n.partition("/")[2]: a for n, a in arrays.items() if n.startswith("weights/")}
    return BaseModel(
        network=network_from_plain(facts["network"]),
        weights=weights,
        ranges={name: (low, high) for name, (low, high) in facts["ranges"].items()},
        train_outputs=arrays["train_logits"],
        validation_outputs=arrays["validation_logits"],
        validation_score=facts["validation_accuracy"],
    )
