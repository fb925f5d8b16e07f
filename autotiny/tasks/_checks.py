"""The rules that data must keep.

Each rule is a function whose docstring is the sentence that the user reads. It returns None if
the rule is kept, else what was given instead.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.tasks._splits import take

Array = NDArray[Any]
#: Takes what it judges; returns None, or what was given instead of what its docstring says.
Rule = Callable[..., str | None]

#: Features of this type are images by convention, and scaled to 0..1.
IMAGE_DTYPE = np.dtype(np.uint8)
_RANKS = (2, 3, 4)
#: Beyond this, single precision and int8 scales break down long before anything is learned.
_MOST_FEATURE = 1e6


def features_are_numeric(x: Array) -> str | None:
    """Features must be real numbers (integer, floating-point or Boolean)."""
    return None if x.dtype.kind in "biuf" else f"dtype {x.dtype}"


def features_have_known_rank(x: Array) -> str | None:
    """Features must have shape (n, features), (n, time, channels), (n, rows, cols[, channels])."""
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


def features_vary(x: Array) -> str | None:
    """Features must differ between samples, or there is nothing to learn from."""
    first = x.ravel()[0]
    return f"{first:g} everywhere" if len(x) > 1 and (x == x[:1]).all() else None


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
    if (x.dtype == IMAGE_DTYPE) == (train.dtype == IMAGE_DTYPE):
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
