"""Stratified splits that depend on nothing but the labels and the seed."""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def take(count: int, share: float) -> int:
    """Return how many of a class's ``count`` samples one part gets: the share, at least 1."""
    return max(1, round(share * count))


def stratified_parts(y: NDArray[np.int64], share: float, parts: int, seed: int) -> list[Indices]:
    """Split sample numbers into the rest and ``parts`` parts, each class in proportion.

    Unlike scikit-learn's ``train_test_split`` every part holds at least one sample of every
    class, and the result does not change with the library's version: a study that is resumed
    years later must find its own splits again.

    Args:
        y: Class indices, shape ``(n,)``; every class has more than ``parts * take()`` samples.
        share: Fraction of each class that goes to each part.
        parts: How many parts to split off.
        seed: Decides which samples go where and in which order.

    Returns:
        ``parts + 1`` disjoint arrays in random order that together number every sample; the
        first is the rest.
    """
    rng = np.random.default_rng(seed)
    chosen: list[list[Indices]] = [[] for _ in range(parts + 1)]
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        size = take(len(members), share)
        cuts = [len(members) - size * n for n in range(parts, 0, -1)]
        for part, piece in zip(chosen, np.split(members, cuts), strict=True):
            part.append(piece)
    return [rng.permutation(np.concatenate(part)) for part in chosen]
