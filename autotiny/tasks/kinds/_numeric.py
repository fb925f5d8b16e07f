"""Functions of outputs that several kinds share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float32]


def mean_kl_divergence(reference: Reals, other: Reals) -> float:
    """Return the mean Kullback-Leibler divergence of two sets of logits, in nats."""
    log_p, log_q = log_softmax(reference), log_softmax(other)
    return float((np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean())


def bernoulli_divergence(reference: Reals, other: Reals) -> float:
    """Return the mean divergence of two sets of independent logits, in nats, summed over labels."""
    p = 1 / (1 + np.exp(-reference.astype(np.float64)))
    log_p, log_q = (-np.logaddexp(0, -v.astype(np.float64)) for v in (reference, other))
    log_not_p, log_not_q = (-np.logaddexp(0, v.astype(np.float64)) for v in (reference, other))
    terms = p * (log_p - log_q) + (1 - p) * (log_not_p - log_not_q)
    return float(terms.sum(axis=1).mean())


def squared_difference(reference: Reals, other: Reals) -> float:
    """Return the mean squared difference in units of the reference's variance, by output."""
    spread = np.maximum(reference.astype(np.float64).std(axis=0), 1e-12)
    return float((((other - reference) / spread) ** 2).mean())


def log_softmax(logits: Reals) -> NDArray[np.float64]:
    """Return the logarithms of the probabilities of classes."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float64)


def sigmoid(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logistic function."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values.astype(np.float64))), np.float64)
