"""The rules that data must keep, and the one function that turns arrays into a task.

Each rule is a function whose docstring is the sentence that the user reads. It returns None if
the rule is kept, else what was given instead.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autotiny.errors import InputError
from autotiny.tasks._base import Split, Task
from autotiny.tasks._splits import stratified_parts, take

Array = NDArray[Any]
#: Features and labels as the user gave them.
Pair = tuple[ArrayLike, ArrayLike]
#: Takes what it judges; returns None, or what was given instead of what its docstring says.
Rule = Callable[..., str | None]

#: Of all samples, what each split that was not given takes.
HELD_OUT = 0.2
#: Features of this type are images by convention, and scaled to 0..1.
_IMAGE_DTYPE = np.dtype(np.uint8)
_RANKS = (2, 3, 4)
#: Beyond this, single precision and int8 scales break down long before anything is learned.
_MOST_FEATURE = 1e6


def features_are_numeric(x: Array) -> str | None:
    """Features must be real numbers (integer, floating-point or Boolean)."""
    return None if x.dtype.kind in "biuf" else f"dtype {x.dtype}"


def features_have_known_rank(x: Array) -> str | None:
    """Features must have shape (n, features), (n, rows, cols) or (n, rows, cols, channels)."""
    return None if x.ndim in _RANKS else f"shape {x.shape}"


def features_are_not_empty(x: Array) -> str | None:
    """A split must hold at least one sample and one feature."""
    return None if x.size else f"shape {x.shape}"


def features_are_finite(x: Array) -> str | None:
    """Features must be finite float32 numbers, without NaN or infinity."""
    finite = np.isfinite(x)
    if finite.all():
        return None
    bad = np.flatnonzero(~finite.all(axis=tuple(range(1, x.ndim))))
    value = x[bad[0]][~finite[bad[0]]][0]
    return f"{value} in sample {bad[0]} ({len(bad)} of {len(x)} samples are affected)"


def features_are_moderate(x: Array) -> str | None:
    """Features must lie within -1e6..1e6; scale larger ones, best to about -1..1."""
    largest = float(np.abs(x).max())
    return None if largest <= _MOST_FEATURE else f"{largest:g}"


def labels_are_one_per_sample(y: Array) -> str | None:
    """Labels must be one class number per sample, shape (n,) or (n, 1), not one-hot rows."""
    return None if y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1) else f"shape {y.shape}"


def labels_are_integers(y: Array) -> str | None:
    """Labels must be integers, such as y.astype(int) gives."""
    return None if y.dtype.kind in "iu" else f"dtype {y.dtype}"


def lengths_match(x: Array, y: Array) -> str | None:
    """Features and labels must have the same length."""
    return None if len(x) == len(y) else f"{len(x)} samples and {len(y)} labels"


def labels_are_in_range(y: Array, classes: int | None) -> str | None:
    """Labels must count from 0 to one less than the number of class names."""
    bad = y[(y < 0) | (y >= classes)] if classes is not None else y[y < 0]
    names = "" if classes is None else f" with {classes} class names"
    return f"label {bad[0]}{names}" if len(bad) else None


def has_two_classes(y: Array) -> str | None:
    """Training labels must name at least two classes."""
    return None if y.min() != y.max() else f"only class {y[0]}"


def classes_are_in_training(y: Array, classes: int) -> str | None:
    """Every class from 0 to the largest label or last class name must occur in training."""
    seen = np.unique(y)
    if len(seen) == classes:
        return None
    gaps = np.flatnonzero(seen != np.arange(len(seen)))
    first = int(gaps[0]) if len(gaps) else len(seen)
    return f"no training sample of class {first} ({len(seen)} of {classes} classes occur)"


def classes_can_be_split(y: Array, share: float, parts: int) -> str | None:
    """Each class must have enough training samples to leave some after splitting some off."""
    for label, count in zip(*np.unique(y, return_counts=True), strict=True):
        needed = parts * take(int(count), share) + 1
        if count < needed:
            return f"{count} of class {label}, where {needed} are needed"
    return None


def sample_shapes_match(x: Array, train: Array) -> str | None:
    """All splits must have the sample shape of training."""
    if x.shape[1:] == train.shape[1:]:
        return None
    return f"{x.shape[1:]} beside {train.shape[1:]} in training"


def scaling_matches(x: Array, train: Array) -> str | None:
    """All splits or none must be uint8, which alone is scaled from 0..255 to 0..1."""
    if (x.dtype == _IMAGE_DTYPE) == (train.dtype == _IMAGE_DTYPE):
        return None
    return f"{x.dtype} beside {train.dtype} in training"


def class_names_are_distinct(names: Sequence[str]) -> str | None:
    """Class names must be distinct, non-empty and at least two."""
    if len(names) < 2:
        return f"{len(names)}"
    repeated = next((name for n, name in enumerate(names) if not name or name in names[:n]), None)
    return None if repeated is None else repr(repeated)


def require(where: str, rule: Rule, *given: object) -> None:
    """Apply a rule; ``where`` begins the sentence.

    Raises:
        InputError: If the rule is broken.
    """
    broken = rule(*given)
    if broken is not None:
        raise InputError(f"{where}: {(rule.__doc__ or rule.__name__).rstrip('.')}; got {broken}.")


def one_line(error: BaseException) -> str:
    """Return what went wrong in someone else's code, short and without line breaks."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def checked_task(
    name: str,
    train: Pair,
    validation: Pair | None = None,
    test: Pair | None = None,
    *,
    class_names: Sequence[str] | None = None,
    seed: int,
) -> Task:
    """Return a task of arrays that keep every rule above.

    Features of shape ``(n, height, width)`` get a channel axis. Features of type uint8 are
    scaled by 1/255; all others keep their values. A split that is None is split off the
    training data, stratified by class, 20 % of all samples each.

    Args:
        name: What the user called the data; begins every error.
        train: Features and integer labels.
        validation: The same, or None.
        test: The same, or None.
        class_names: One name per class; without it classes are named by number.
        seed: Decides the splits.

    Raises:
        InputError: If a rule is broken; the sentence names the array.
    """
    given = {"train": train, "val": validation, "test": test}
    pairs = {split: _checked_pair(name, split, *p) for split, p in given.items() if p is not None}
    names = _checked_classes(name, {split: y for split, (_, y) in pairs.items()}, class_names)
    for split, (x, _) in pairs.items():
        require(f"{name}: x_{split}", scaling_matches, x, pairs["train"][0])
        require(f"{name}: x_{split}", sample_shapes_match, x, pairs["train"][0])
    splits = {split: _as_split(f"{name}: x_{split}", x, y) for split, (x, y) in pairs.items()}
    splits = _complete(name, splits, seed)
    return Task(name, splits["train"], splits["val"], splits["test"], names)


def _checked_pair(name: str, split: str, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    features = _as_array(f"{name}: x_{split}", x)
    rule: Rule
    for rule in (features_are_numeric, features_have_known_rank, features_are_not_empty):
        require(f"{name}: x_{split}", rule, features)
    labels = _as_array(f"{name}: y_{split}", y)
    for rule in (labels_are_one_per_sample, labels_are_integers):
        require(f"{name}: y_{split}", rule, labels)
    require(f"{name}: {split}", lengths_match, features, labels)
    return features, labels.reshape(-1)


def _as_array(where: str, values: ArrayLike) -> Array:
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{where}: the array must be rectangular; got {one_line(error)}."
        ) from error


def _checked_classes(
    name: str, labels: dict[str, Array], class_names: Sequence[str] | None
) -> tuple[str, ...]:
    names = None if class_names is None else tuple(str(n) for n in class_names)
    if names is not None:
        require(f"{name}: class_names", class_names_are_distinct, names)
    for split, y in labels.items():
        require(f"{name}: y_{split}", labels_are_in_range, y, None if names is None else len(names))
    require(f"{name}: y_train", has_two_classes, labels["train"])
    classes = len(names) if names else 1 + max(int(y.max()) for y in labels.values())
    require(f"{name}: y_train", classes_are_in_training, labels["train"], classes)
    return names or tuple(str(n) for n in range(classes))


def _as_split(where: str, x: Array, y: Array) -> Split:
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, and is refused
        features = x.astype(np.float32)
    require(where, features_are_finite, features)
    require(where, features_are_moderate, features)
    if x.dtype == _IMAGE_DTYPE:
        features /= np.float32(255)
    return Split(features[..., np.newaxis] if x.ndim == 3 else features, y.astype(np.int64))


def _complete(name: str, splits: dict[str, Split], seed: int) -> dict[str, Split]:
    """Split what is missing off the training data."""
    missing = [split for split in ("val", "test") if split not in splits]
    if not missing:
        return splits
    train = splits["train"]
    share = HELD_OUT * sum(map(len, splits.values())) / len(train)
    require(f"{name}: y_train", classes_can_be_split, train.y, share, len(missing))
    parts = stratified_parts(train.y, share, len(missing), seed)
    cut = [Split(train.x[part], train.y[part]) for part in parts]
    return splits | dict(zip(["train", *missing], cut, strict=True))
