"""Labels as they come: which kind of task they tell, and the targets that they become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.tasks.kinds import KINDS

Array = NDArray[Any]
_LARGEST_CLASS = 2**63 - 1
#: Labels that count from 1 are taken for classes up to here.
_MOST_COUNTED = 10_000
#: Whole floating-point labels of no more different values than this are taken for classes.
_MOST_CLASSES = 64
#: Texts that call a sample normal where a task is anomaly detection; any other is an anomaly.
_NORMAL = frozenset({"normal", "ok", "okay", "good", "healthy"})


@dataclass(frozen=True)
class Labels:
    """Targets of every split.

    Attributes:
        kind: Name of the task's kind.
        targets: Split to its targets, as the kind takes them.
        names: Of classes, labels or values; None for classes that are numbered from 0.
        told: How the kind and the names were found, as the user should read it.
    """

    kind: str
    targets: Mapping[str, Array]
    names: tuple[str, ...] | None
    told: str


def read_labels(where: str, given: Mapping[str, Array], kind: str | None, named: bool) -> Labels:
    """Return the targets that labels are, and the kind of task.

    Args:
        where: Begins every error.
        given: Split to labels, ``(n,)`` or ``(n, values)``; training is among them.
        kind: What the user says, or None to infer it.
        named: Whether class names were given.

    Raises:
        InputError: If they are no labels, or not those of the kind that was asked for.
    """
    labels = {split: _squeezed(where, split, y) for split, y in given.items()}
    shapes = {y.shape[1:] for y in labels.values()}
    if len(shapes) > 1:
        told_shapes = ", ".join(f"{split} {y.shape}" for split, y in labels.items())
        raise InputError(f"{where}: Labels of all splits must have one form; got {told_shapes}.")
    kinds = {y.dtype.kind for y in labels.values()}
    if kinds <= {"U", "S"}:
        return _texts(where, labels, kind)
    if not kinds <= set("biuf"):
        raise InputError(
            f"{where}: Labels must be texts, class numbers, one-hot rows or real values; got dtype "
            f"{labels['train'].dtype}."
        )
    if not all(np.isfinite(y).all() for y in labels.values()):
        raise InputError(f"{where}: Labels must be finite; some are NaN or infinite.")
    inferred, why = _infer(labels)
    kind, told = (kind, "as told") if kind else (inferred, f"inferred from {why}")
    if kind == "classification":
        return _classes(where, labels, named, f"{kind}, {told}")
    if kind == "multi-label":
        return _multi(where, labels, f"{kind}, {told}")
    if kind == "regression":
        values = {s: y.astype(np.float32).reshape(len(y), -1) for s, y in labels.items()}
        count = next(iter(values.values())).shape[1]
        names = tuple(f"value{i}" for i in range(count)) if count > 1 else ("value",)
        return Labels(kind, values, names, f"{kind}, {told}")
    return _anomalies(where, labels, f"anomaly, {told}")


def checked_kind(name: str | None) -> str | None:
    """Return the name of a kind of task.

    Raises:
        InputError: If there is none of that name.
    """
    if name is None or name in KINDS:
        return name
    raise InputError(f"--task must be one of {', '.join(KINDS)}; got {name!r}.")


def _squeezed(where: str, split: str, y: Array) -> Array:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2) or not y.size:
        raise InputError(
            f"{where}: y_{split}: Labels must have shape (n,) or (n, values); got shape {y.shape}."
        )
    if y.dtype.kind == "O" and all(isinstance(value, str) for value in y.ravel()):
        return y.astype(str)
    return y


def _infer(labels: Mapping[str, Array]) -> tuple[str, str]:
    """Return the kind that numbers tell, and what told it."""
    together = np.concatenate(list(labels.values()))
    if together.ndim == 2:
        if np.isin(together, (0, 1)).all():
            one_hot = (together.sum(axis=1) == 1).all()
            return (
                ("classification", "one-hot rows") if one_hot else ("multi-label", "rows of 0, 1")
            )
        return "regression", "rows of real values"
    if together.dtype.kind in "biu":
        return "classification", "whole labels"
    whole = (together == np.rint(together)).all()
    if whole and len(np.unique(together)) <= _MOST_CLASSES:
        return "classification", "whole labels"
    return "regression", "real labels"


def _texts(where: str, labels: Mapping[str, Array], kind: str | None) -> Labels:
    if kind not in (None, "classification", "anomaly"):
        raise InputError(f"{where}: Labels of {kind} must be numbers; got texts.")
    try:
        texts = {s: np.char.decode(y) if y.dtype.kind == "S" else y for s, y in labels.items()}
    except UnicodeDecodeError:
        raise InputError(f"{where}: Labels that are bytes must be UTF-8 texts.") from None
    if any(y.ndim > 1 for y in texts.values()):
        raise InputError(f"{where}: Labels that are texts must have shape (n,): one a sample.")
    names = sorted(set(np.concatenate(list(texts.values())).tolist()))
    if kind == "anomaly":
        normal = [name for name in names if name.lower() in _NORMAL]
        if not normal:
            raise InputError(
                f"{where}: Labels of anomaly must be 0 for normal samples and 1 for anomalies, or "
                f"texts of which one is {', '.join(sorted(_NORMAL))}; got {', '.join(names[:5])}."
            )
        marked = {s: (~np.isin(y, normal)).astype(np.int64) for s, y in texts.items()}
        told = f"anomaly, as told; {', '.join(normal)} is normal, every other label an anomaly"
        return _anomalies(where, marked, told)
    numbers = {s: np.searchsorted(names, y).astype(np.int64) for s, y in texts.items()}
    told = "classification, inferred from text labels"
    return Labels("classification", numbers, tuple(names), told)


def _classes(where: str, labels: Mapping[str, Array], named: bool, told: str) -> Labels:
    if any(y.ndim == 2 for y in labels.values()):
        for split, y in labels.items():
            if not (np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()):
                raise InputError(
                    f"{where}: y_{split}: Labels of classification must be one class number per "
                    "sample, texts, or one-hot rows; got rows with none or several."
                )
        numbers = {s: y.argmax(axis=1) for s, y in labels.items()}
        return Labels("classification", numbers, None, told)
    for split, y in labels.items():
        if (y != np.rint(y)).any():
            raise InputError(
                f"{where}: y_{split}: Labels of classification must be whole; got "
                f"{y[y != np.rint(y)][0]:g}: for real values say --task regression."
            )
        if (y > _LARGEST_CLASS).any():
            raise InputError(
                f"{where}: y_{split}: Labels must count classes from 0 or 1; got label {y.max()}."
            )
    whole = {s: y.astype(np.int64) for s, y in labels.items()}
    lowest = min(int(y.min()) for y in whole.values())
    highest = max(int(y.max()) for y in whole.values())
    if (
        lowest == 1 < highest <= _MOST_COUNTED and int(whole["train"].min()) == 1
    ):  # counted from 1, as MATLAB and R do
        names = None if named else tuple(str(n) for n in range(1, highest + 1))
        return Labels("classification", {s: y - 1 for s, y in whole.items()}, names, told)
    return Labels("classification", whole, None, told)


def _multi(where: str, labels: Mapping[str, Array], told: str) -> Labels:
    for split, y in labels.items():
        if y.ndim != 2 or not np.isin(y, (0, 1)).all():
            raise InputError(
                f"{where}: y_{split}: Labels of multi-label must be rows of 0 and 1, (n, labels); "
                f"got shape {y.shape}, values from {y.min():g} to {y.max():g}."
            )
    targets = {s: y.astype(np.float32) for s, y in labels.items()}
    count = targets["train"].shape[1]
    return Labels("multi-label", targets, tuple(f"label{i}" for i in range(count)), told)


def _anomalies(where: str, labels: Mapping[str, Array], told: str) -> Labels:
    for split, y in labels.items():
        if y.ndim != 1 or not np.isin(y, (0, 1)).all():
            raise InputError(
                f"{where}: y_{split}: Labels of anomaly must be 0 for normal samples and 1 for "
                "anomalies."
            )
    if labels["train"].any() and len(labels) > 1:
        raise InputError(
            f"{where}: y_train: Training samples of anomaly must be normal, label 0; "
            f"{int(labels['train'].sum())} are anomalies."
        )
    targets = {s: y.astype(np.int64) for s, y in labels.items()}
    return Labels("anomaly", targets, ("normal", "anomaly"), told)


def label_names(names: Sequence[str] | None, found: Labels) -> tuple[str, ...] | None:
    """Return the names to use: those given, else those found."""
    return tuple(str(name) for name in names) if names is not None else found.names


def renumbered(where: str, found: Labels, names: Sequence[str]) -> Labels:
    """Return classes that were found as texts, numbered as their names are given.

    Raises:
        InputError: If a text is not among the names.
    """
    if found.kind != "classification" or found.names is None:
        return found
    if missing := [text for text in found.names if text not in names]:
        raise InputError(
            f"{where}: class_names must hold every label; {missing[0]!r} is not among them."
        )
    places = np.array([names.index(text) for text in found.names], np.int64)
    targets = {split: places[y] for split, y in found.targets.items()}
    return replace(found, targets=targets, names=tuple(names))
