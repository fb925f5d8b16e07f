"""The steps that are taken once per study, and cached: base model and sensitivity table."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autotiny.base_model import (
    BaseModel,
    build_base_network,
    read_base_model,
    train_base_model,
)
from autotiny.compression.sensitivity import Sensitivity, measure_sensitivity
from autotiny.config import StudyConfig
from autotiny.network import fold_batch_norm
from autotiny.pipeline import representative_samples
from autotiny.precision import LayerPrecision
from autotiny.progress import OnProgress, Progress
from autotiny.space import SearchSpace
from autotiny.tasks import Task
from autotiny.tensorflow_setup import choose_threads, prepare_tensorflow


def base_model(config: StudyConfig, task: Task, cache: Path, on_progress: OnProgress) -> BaseModel:
    """Return a study's base model: trained, or the user's own; from the cache if it is there.

    Raises:
        InputError: If the user's own is no longer the one the study was started with.
    """
    samples = representative_samples(task, config.seed)
    base: BaseModel
    if config.model is not None:
        from autotiny.models.keras_file import check_fingerprint

        check_fingerprint(config.model, config.model_sha256)
        read = _memory(cache).cache(_read, ignore=["path", "task", "samples"])
        base = read(config.fingerprint, config.model_sha256, config.model, task, samples)
        return base
    # Also when the cache has it: what follows must run in as many threads as it did.
    prepare_tensorflow(config.seed)
    network = build_base_network(task, config.space)
    choose_threads(config.space.training.batch_size * network.macs)
    trained = _memory(cache).cache(_train, ignore=["task", "samples", "on_epoch"])
    total = config.space.training.epochs
    base = trained(
        config.fingerprint,
        config.space.model_dump(mode="json", include={"family", "base", "training"}),
        config.seed,
        task,
        samples,
        lambda epoch, _: on_progress(Progress("base", epoch, total)),
    )
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
    network, weights = fold_batch_norm(base.network, base.weights)
    total, done = sum(map(len, options.values())), 0

    def step() -> None:
        nonlocal done
        done += 1
        on_progress(Progress("sensitivity", done, total))

    cached = _memory(cache).cache(measure_sensitivity, ignore=["on_step"])
    table: tuple[Sensitivity, ...] = cached(
        network,
        weights,
        base.ranges,
        dict(options),
        task.validation,
        base.validation_logits,
        seed=config.seed,
        on_step=step,
    )
    return table


def _memory(cache: Path) -> Any:
    import joblib

    return joblib.Memory(cache, verbose=0)


def _train(
    fingerprint: str,
    space: dict[str, Any],
    seed: int,
    task: Task,
    samples: Any,
    on_epoch: Callable[[int, float], None],
) -> BaseModel:
    """Train a base model; its cache is keyed by the data's fingerprint, not by Python objects."""
    content = SearchSpace.model_validate(space)
    return train_base_model(task, content, samples, seed=seed, on_epoch=on_epoch)


def _read(fingerprint: str, sha256: str, path: str, task: Task, samples: Any) -> BaseModel:
    """Read the user's own base model; cached like a trained one."""
    return read_base_model(path, sha256, task, samples)
