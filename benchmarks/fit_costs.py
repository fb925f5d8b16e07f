"""Fits the factors of costs to measured programs, and tells how wrong they are on others.

Two steps: what a function and a turn of each loop take at the least, which cannot be less than
nothing; then by how much each form of it differs from that, of which as little is believed as the
measurements allow. A form that few programs had so changes little.
"""

from collections import Counter

import numpy as np
from scipy.optimize import nnls

from autotiny.runtimes.c.costs.features import (
    code_features,
    function_features,
    program_features,
)
from autotiny.runtimes.c.costs.stack import stack_features
from autotiny.runtimes.c.costs.work import work_features

#: Relative error that is left to what no feature tells.
_NOISE = 0.03
#: By how much forms are expected to differ: bytes of code, by what it is compiled for, and share
#: of a loop's instructions, of at least so many; and bytes of a stack.
_FORM_BYTES = {"size": 60, "fast": 20}
_FORM_SHARE, _LEAST_INSTRUCTIONS = 0.3, 5
_FORM_STACK = 10
#: Parts of the programs, of which each is predicted by factors that are fitted to the others.
_FOLDS = 5
#: Share of programs whose stack is no deeper than its bound.
_KEPT = 0.99


def fit_code(rows, mode, known=None, of=""):
    """Return factors of code bytes.

    Functions that stand by themselves are each an equation; those that are built into their
    caller are one with it.

    Args:
        rows: Measured programs.
        mode: How they were compiled.
        known: Factors that stay as they are.
        of: What the names have in them of what is fitted.
    """
    features, sizes, weights = [], [], []
    for row in rows:
        for here, size in _parts(row, mode == "fast"):
            features.append(here)
            sizes.append(size)
            weights.append(np.sqrt(row.code * (row.code + row.constants)))
    return _fit(features, sizes, weights, lambda name, base: _FORM_BYTES[mode], known, of)


def _parts(row, fast):
    """Return the functions of a program with their bytes, and the rest."""
    groups = row.groups
    sizes = Counter()
    for symbol, size in row.functions.items():
        name = symbol.removeprefix("model_").split(".")[0].removeprefix("gather_")
        sizes[name] += size
    parts, rest, left = [], Counter(program_features(groups)), row.code
    for group in groups:
        if f"model_{group.name}" in row.functions:
            parts.append((function_features(group, fast=fast), sizes[group.name]))
            left -= sizes[group.name]
        else:
            rest.update(function_features(group, fast=fast))
    return [*parts, (rest, left)]


def fit_work(rows, known=None, of=""):
    """Return factors of instructions; see ``fit_code``."""
    amounts = [row.instructions for row in rows]
    features = [work_features(row.groups) for row in rows]

    def expected(name, base):
        return _FORM_SHARE * max(base.get(name.split()[0], 0), _LEAST_INSTRUCTIONS)

    return _fit(features, amounts, amounts, expected, known, of)


def _fit(features, values, weights, expected, known=None, of=""):
    known = {name: x for name, x in (known or {}).items() if of not in name}
    values = [x - predicted(known, row) for x, row in zip(values, features, strict=True)]
    every = {name for row in features for name, amount in row.items() if amount}
    names = sorted(name for name in every if of in name)
    matrix = np.array([[row.get(name, 0) for name in names] for row in features], float)
    matrix /= np.array(weights, float)[:, None]
    values = np.array(values, float) / weights
    plain = np.array([" " not in name for name in names])
    scale = matrix[:, plain].max(axis=0)
    least = np.vstack([matrix[:, plain] / scale, 1e-3 * np.eye(plain.sum())])
    factors = np.zeros(len(names))
    if plain.any():
        aims = np.concatenate([values, np.zeros(plain.sum())])
        factors[plain] = nnls(least, aims, maxiter=50_000)[0] / scale
    base = known | {name: x for name, x in zip(names, factors, strict=True) if " " not in name}
    spread = np.array([expected(name, base) for name in names])
    scaled = matrix * spread / _NOISE
    rest = (values - matrix @ factors) / _NOISE
    change = np.linalg.solve(scaled.T @ scaled + np.eye(len(names)), scaled.T @ rest)
    return dict(zip(names, map(float, factors + spread * change), strict=True))


def fit_stacks(rows, known=None, of=""):
    """Return a table of stacks without a margin; see ``fit_code``."""
    features = [stack_features(row.groups) for row in rows]
    stacks = [row.stack for row in rows]
    scale = [np.mean(stacks)] * len(rows)
    factors = _fit(features, stacks, scale, lambda name, base: _FORM_STACK, known, of)
    return {"stack": max(stacks), "stack_margin": 0, "stacks": factors}


def predicted(factors, features):
    """Return what factors make of features."""
    return sum(factors.get(name, 0) * amount for name, amount in features.items())


def code_of(factors, row, mode):
    """Return the predicted code of a program."""
    return predicted(factors, code_features(row.groups, fast=mode == "fast"))


def work_of(factors, row):
    """Return the predicted instructions of a program."""
    return predicted(factors, work_features(row.groups))


def held_out(rows, others, fit, guess):
    """Return what each program is predicted to take, by a fit to other programs alone.

    Args:
        rows: Programs that are predicted.
        others: Programs that are always fitted to.
        fit: Makes factors of programs.
        guess: Makes a prediction of factors and a program.
    """
    guesses = np.zeros(len(rows))
    for fold in range(_FOLDS):
        factors = fit([row for i, row in enumerate(rows) if i % _FOLDS != fold] + others)
        for i in range(fold, len(rows), _FOLDS):
            guesses[i] = guess(factors, rows[i])
    return guesses


def fit_stack_bound(rows, others):
    """Return a table of stacks with the margin that held-out programs need, and their bounds."""

    def guess(table, row):
        return predicted(table["stacks"], stack_features(row.groups))

    bounds = held_out(rows, others, fit_stacks, guess)
    deeper = np.array([row.stack for row in rows]) - bounds
    margin = max(0, int(np.ceil(np.quantile(deeper, _KEPT, method="higher") / 4) * 4))
    table = fit_stacks(rows + others) | {"stack_margin": margin}
    return table, np.minimum(bounds + margin, table["stack"])


def mean_function(rows, mode):
    """Return the mean bytes of a function, where it stands by itself."""
    parts = [size for row in rows for _, size in _parts(row, mode == "fast")[:-1]]
    return float(np.mean(parts))


def mean_turn(factors):
    """Return the mean instructions of what a loop does for one value."""
    return float(np.mean([x for name, x in factors.items() if name.endswith(".outputs")]))
