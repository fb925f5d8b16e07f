"""Data from a NumPy archive: ``np.savez("data.npz", x=…, y=…)``."""

import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.tasks._assemble import Pair, TaskOptions, checked_task
from autotiny.tasks._base import Task
from autotiny.user_code import one_line

_SPLITS = ("train", "val", "test")
_KEYS = tuple(f"{kind}_{split}" for split in _SPLITS for kind in "xy")
#: Everything that reading a damaged archive was seen to raise.
_DAMAGE = (
    OSError, ValueError, EOFError, KeyError, MemoryError, NotImplementedError, RuntimeError,
    OverflowError, TypeError, SyntaxError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def load(path: str, seed: int, options: TaskOptions) -> Task:
    """Return the task in an npz file.

    Keys: ``x_train`` and ``y_train``, or ``x`` and ``y`` alone; optionally the same for ``val``
    and ``test``, each pair on its own (what is missing is split off the training data);
    optionally ``class_names``. Keys that do not begin with ``x_`` or ``y_`` are ignored.

    Raises:
        InputError: If the file is missing, damaged, holds pickled objects or lacks a key, or
            the arrays break a rule.
    """
    arrays, others = _read(path)
    if not {"x_train", "y_train"} & set(arrays):
        arrays = {{"x": "x_train", "y": "y_train"}.get(k, k): a for k, a in arrays.items()}
    if "x_train" not in arrays:
        present = ", ".join(sorted({*arrays, *others})) or "none"
        raise InputError(
            f"{path}: the samples must be in an array called x_train (or x), their labels in "
            f"y_train (or y); got {present}."
        )
    pairs = {split: _pair(path, arrays, split) for split in _SPLITS}
    train = pairs["train"]
    assert train is not None  # _pair refuses a missing training pair
    names = arrays.get("class_names")
    return checked_task(
        path,
        train,
        pairs["val"],
        pairs["test"],
        class_names=None if names is None else _class_names(path, names),
        seed=seed,
        options=options,
    )


def _read(path: str) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Return the arrays that count, and the names of the others."""
    try:
        # opened here because numpy leaves a file open whose archive turns out to be damaged
        with open(path, "rb") as file:
            return _read_archive(path, file)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or one_line(error)
        raise InputError(f"Data file must be readable; got {path!r}: {reason}.") from error


def _read_archive(path: str, file: BinaryIO) -> tuple[dict[str, NDArray[Any]], list[str]]:
    if not zipfile.is_zipfile(file):
        raise InputError(f"{path}: the file must be an npz archive as numpy.savez writes it.")
    file.seek(0)
    try:
        with np.load(file, allow_pickle=False) as archive:
            names = list(archive.files)
            wanted = [k for k in names if k[:2] in ("x_", "y_") or k in ("class_names", "x", "y")]
            others = [name for name in names if name not in wanted]
            return {key: _array(path, key, archive[key]) for key in wanted}, others
    except _DAMAGE as error:
        if "Object arrays" in str(error):  # any other talk of pickles is a file of no known kind
            raise InputError(
                f"{path}: arrays must hold numbers; got pickled Python objects, which are not "
                "loaded because they can run code."
            ) from error
        raise InputError(f"{path}: the archive must be readable; got {one_line(error)}.") from error


def _array(path: str, key: str, value: object) -> NDArray[Any]:
    if not isinstance(value, np.ndarray):  # numpy gives the raw bytes of members it cannot parse
        raise InputError(f"{path}: the archive must be readable; got a damaged {key}.")
    return value


def _pair(path: str, arrays: dict[str, NDArray[Any]], split: str) -> Pair | None:
    unknown = sorted(set(arrays) - set(_KEYS) - {"class_names"})
    if unknown:
        raise InputError(
            f"{path}: array names must be among {', '.join(_KEYS)} and class_names; "
            f"got {', '.join(unknown)}."
        )
    pair = [arrays.get(f"{kind}_{split}") for kind in "xy"]
    if split != "train" and all(array is None for array in pair):
        return None
    for kind, array in zip("xy", pair, strict=True):
        # Training samples without any labels are normal ones of an anomaly detection.
        if array is None and (kind, split) != ("y", "train"):
            present = ", ".join(sorted(arrays))
            raise InputError(f"{path}: key {kind}_{split} must be present; got {present}.")
    x, y = pair
    assert x is not None
    return x, y


def _class_names(path: str, names: NDArray[Any]) -> list[str]:
    if names.ndim != 1 or names.dtype.kind not in "USiu":
        raise InputError(
            f"{path}: class_names must be a list of texts; got dtype {names.dtype} and "
            f"shape {names.shape}."
        )
    texts = names.tolist()
    return [t.decode(errors="replace") if isinstance(t, bytes) else str(t) for t in texts]
