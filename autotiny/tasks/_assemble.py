"""From arrays as the user has them to a task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from autotiny.errors import InputError
from autotiny.tasks import _checks as rules
from autotiny.tasks._base import Goal, Split, Task
from autotiny.tasks._checks import Array, Rule, require
from autotiny.tasks._labels import (
    Labels,
    checked_kind,
    label_names,
    read_labels,
    renumbered,
)
from autotiny.tasks._layout import Layout, arranged, checked_layout
from autotiny.tasks._splits import stratified_parts
from autotiny.tasks.kinds import KINDS, TaskKind
from autotiny.tasks.metrics import METRICS, Metric
from autotiny.user_code import one_line

#: Features and labels as the user gave them; a training split without labels is all normal.
Pair = tuple[ArrayLike, ArrayLike | None]
#: Of all samples, what each split that was not given takes.
HELD_OUT = 0.2
#: Spreads of real values that differ by more leave the least of them about 4 of 256 steps.
_UNEVEN = 20.0


@dataclass(frozen=True)
class TaskOptions:
    """What a user may say of a task; None is inferred.

    Attributes:
        kind: Name of the kind.
        metric: Name of the metric; the kind's default.
        class_weights: ``balanced``, or None for equal ones.
        layout: What the axes of samples mean.
    """

    kind: str | None = None
    metric: str | None = None
    class_weights: str | None = None
    layout: str | None = None


def checked_task(
    name: str,
    train: Pair,
    validation: Pair | None = None,
    test: Pair | None = None,
    *,
    class_names: Sequence[str] | None = None,
    seed: int,
    options: TaskOptions | None = None,
) -> Task:
    """Return a task of arrays that keep every rule.

    Features of shape ``(n, height, width)`` get a channel axis and signals ``(n, time, channels)``
    become ``(n, time, 1, channels)``. Features of type uint8 are scaled by 1/255; all others keep
    their values. A split that is None is split off the training data, stratified by class, 20 % of
    all samples each.

    Args:
        name: What the user called the data; begins every error.
        train: Features and labels: class numbers from 0 or 1, texts, one-hot rows, rows of labels
            of 0 and 1, real values, or None for anomaly detection.
        validation: The same, or None.
        test: The same, or None.
        class_names: One name per class, label or value; without it they are named by number.
        seed: Decides the splits.
        options: Kind, metric, class weights and layout, where the user says them.

    Raises:
        InputError: If a rule is broken; the sentence names the array.
    """
    options = options or TaskOptions()
    given = {"train": train, "val": validation, "test": test}
    features, labels = _arrays(name, {s: pair for s, pair in given.items() if pair is not None})
    kind = checked_kind(options.kind)
    if train[1] is None:
        if kind not in (None, "anomaly"):
            raise InputError(f"{name}: A task of kind {kind} needs labels; there is no y_train.")
        kind = "anomaly"
    found = read_labels(name, labels, kind, class_names is not None)
    if class_names is not None:
        found = renumbered(name, found, [str(given_name) for given_name in class_names])
    if train[1] is None and options.kind is None:
        found = replace(found, told="anomaly, inferred from training samples without labels")
    names = _checked_names(name, found, label_names(class_names, found))
    for split, x in features.items():
        require(f"{name}: x_{split}", rules.scaling_matches, x, features["train"])
        require(f"{name}: x_{split}", rules.sample_shapes_match, x, features["train"])
    layout = checked_layout(name, options.layout, features["train"])
    splits = {
        split: _as_split(f"{name}: x_{split}", x, found.targets[split], layout)
        for split, x in features.items()
    }
    splits = _complete(name, splits, seed, found.kind)
    goal = _goal(name, options, KINDS[found.kind], splits)
    told = [found.told]
    if options.layout is None and features["train"].ndim == 3:
        told.append(f"layout {layout}, inferred from shape {features['train'].shape[1:]}")
    told.extend(_spreads(found, names))
    parts = (splits["train"], splits["val"], splits["test"])
    return Task(name, *parts, names, goal, layout, tuple(told))


def _spreads(found: Labels, names: Sequence[str]) -> list[str]:
    """Say when real values are of so different size that one int8 scale cannot hold them all."""
    if found.kind != "regression":
        return []
    spread = found.targets["train"].std(axis=0)
    small = float(spread.min())
    if len(spread) < 2 or float(spread.max()) < _UNEVEN * small:
        return []
    least, most = names[int(spread.argmin())], names[int(spread.argmax())]
    return [
        f"values differ much in size (standard deviation {small:.3g} of {least}, "
        f"{float(spread.max()):.3g} of {most}), and int8 outputs share one scale: "
        f"{least} will be lost; divide each value by its standard deviation"
    ]


def told(task: Task, options: TaskOptions) -> Task:
    """Return a task under what a user says of it.

    Raises:
        InputError: If it is not of that kind or layout.
    """
    kind = task.goal.kind
    if checked_kind(options.kind) not in (None, kind.name):
        raise InputError(f"--task of {task.name} must be {kind.name}; got {options.kind}.")
    if options.layout not in (None, task.layout):
        raise InputError(f"--layout of {task.name} must be {task.layout}; got {options.layout!r}.")
    splits = {"train": task.train, "val": task.validation}
    goal = _goal(task.name, options, kind, splits)
    return task if goal == task.goal else replace(task, goal=goal)


def _arrays(name: str, pairs: Mapping[str, Pair]) -> tuple[dict[str, Array], dict[str, Array]]:
    features, labels = {}, {}
    for split, (x, y) in pairs.items():
        features[split] = _as_array(f"{name}: x_{split}", x)
        rule: Rule
        for rule in (
            rules.features_are_numeric,
            rules.features_have_known_rank,
            rules.features_are_not_empty,
        ):
            require(f"{name}: x_{split}", rule, features[split])
        given = np.zeros(len(features[split]), np.int64) if y is None else y
        labels[split] = _as_array(f"{name}: y_{split}", given)
        if labels[split].ndim == 0:
            raise InputError(f"{name}: y_{split}: Labels must have shape (n,); got shape ().")
        require(f"{name}: {split}", rules.lengths_match, features[split], labels[split])
    return features, labels


def _as_array(where: str, values: ArrayLike) -> Array:
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{where}: the array must be rectangular; got {one_line(error)}."
        ) from error


def _checked_names(name: str, found: Labels, names: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return one name a class, label or value."""
    if found.kind != "classification":
        known = found.names or ()
        if names is None or len(names) == len(known):
            return names or known
        raise InputError(
            f"{name}: class_names: There must be one name per label or value, {len(known)}; got "
            f"{len(names)}."
        )
    if names is not None:
        require(f"{name}: class_names", rules.class_names_are_distinct, names)
    count = None if names is None else len(names)
    for split, y in found.targets.items():
        require(f"{name}: y_{split}", rules.labels_are_in_range, y, count)
    train = found.targets["train"]
    require(f"{name}: y_train", rules.has_two_classes, train)
    for split, y in found.targets.items():
        if len(unseen := np.setdiff1d(y, train)):
            raise InputError(
                f"{name}: y_{split}: Every class must occur in training; class {unseen[0]} does "
                "not."
            )
    classes = count or 1 + max(int(y.max()) for y in found.targets.values())
    require(f"{name}: y_train", rules.classes_are_in_training, train, classes)
    return names or tuple(str(n) for n in range(classes))


def _as_split(where: str, x: Array, y: Array, layout: Layout) -> Split:
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, and is refused
        features = x.astype(np.float32)
    require(where, rules.features_are_finite, features)
    require(where, rules.features_are_moderate, features)
    if x.dtype == rules.IMAGE_DTYPE:
        features /= np.float32(255)
    return Split(arranged(features, layout), y)


def _complete(name: str, splits: dict[str, Split], seed: int, kind: str) -> dict[str, Split]:
    """Split what is missing off the training data, each class in proportion if there are any.

    Of anomaly detection, anomalies go to what is split off alone: training is on normal samples.
    """
    missing = [split for split in ("val", "test") if split not in splits]
    if not missing:
        return splits
    if kind == "anomaly" and missing == ["test"] and _holds_both(splits["val"].y):
        # Training samples are normal: only validation has what a test of a detector needs.
        parts = stratified_parts(splits["val"].y, 0.5, 1, seed)
        half = [Split(splits["val"].x[part], splits["val"].y[part]) for part in parts]
        return splits | dict(zip(("val", "test"), half, strict=True))
    train = splits["train"]
    strata = train.y if kind == "classification" else np.zeros(len(train), np.int64)
    anomalies = np.flatnonzero(train.y) if kind == "anomaly" else np.empty(0, np.int64)
    if len(anomalies):
        return splits | _without_anomalies(name, train, anomalies, missing, seed)
    share = HELD_OUT * sum(map(len, splits.values())) / len(train)
    require(f"{name}: y_train", rules.classes_can_be_split, strata, share, len(missing))
    parts = stratified_parts(strata, share, len(missing), seed)
    cut = [Split(train.x[part], train.y[part]) for part in parts]
    return splits | dict(zip(["train", *missing], cut, strict=True))


def _holds_both(y: Array) -> bool:
    """Whether there are at least two samples of each of two kinds."""
    return 2 <= int((y != 0).sum()) <= len(y) - 2


def _without_anomalies(
    name: str, train: Split, anomalies: Array, missing: Sequence[str], seed: int
) -> dict[str, Split]:
    """Return the parts of samples some of which are anomalies; those are dealt out evenly."""
    normal = np.flatnonzero(train.y == 0)
    if not len(normal):
        raise InputError(f"{name}: y_train: Anomaly detection needs normal samples; got none.")
    require(f"{name}: y_train", rules.classes_can_be_split, train.y[normal], HELD_OUT, len(missing))
    parts = stratified_parts(train.y[normal], HELD_OUT, len(missing), seed)
    dealt = np.array_split(np.random.default_rng(seed).permutation(anomalies), len(missing))
    made = {"train": Split(train.x[normal[parts[0]]], train.y[normal[parts[0]]])}
    for split, part, odd in zip(missing, parts[1:], dealt, strict=True):
        chosen = np.concatenate([normal[part], odd])
        made[split] = Split(train.x[chosen], train.y[chosen])
    return made


def _goal(name: str, options: TaskOptions, kind: TaskKind, splits: Mapping[str, Split]) -> Goal:
    weights = None
    if options.class_weights is not None:
        if options.class_weights != "balanced":
            raise InputError(f"--class-weights must be balanced; got {options.class_weights!r}.")
        if kind.name != "classification":
            raise InputError(f"--class-weights need a task of classes; {name} is {kind.name}.")
        counts = np.bincount(splits["train"].y)
        weights = tuple((counts.sum() / (len(counts) * counts)).tolist())
    return Goal(kind, _metric(name, options.metric, kind, splits["val"]), weights)


def _metric(name: str, wanted: str | None, kind: TaskKind, validation: Split) -> Metric:
    labelled = kind.name != "anomaly" or 0 < validation.y.sum() < len(validation)
    if wanted is None:
        return kind.default_metric if labelled else METRICS["reconstruction_error"]
    if wanted not in kind.metrics:
        raise InputError(
            f"--metric must be one of {', '.join(kind.metrics)} for a task of kind {kind.name}; "
            f"got {wanted!r}."
        )
    if wanted == "roc_auc" and not labelled:
        raise InputError(
            f"--metric roc_auc needs normal samples and anomalies in validation data; {name} has "
            "none labelled: give x_val and y_val, or say --metric reconstruction_error."
        )
    return METRICS[wanted]
